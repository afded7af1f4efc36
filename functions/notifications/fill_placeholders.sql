-- A text with its placeholders, {name} and the like, filled in, in one pass: what is filled in
-- is not looked at again. What there is no value for is left out. In a URL, values are percent-encoded.
create or replace function learn_internal.fill_placeholders(
  p_text text, p_values jsonb, p_is_url boolean default false
)
returns text
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
immutable
strict                            -- not even called where there is no text
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
  v_text  text := '';
  v_value text;
begin
  if strpos(p_text, '{') = 0 then
    return p_text;
  end if;
  -- What precedes a brace, and each piece from a brace on: as many pieces as braces, a few.
  v_parts := string_to_array(p_text, '{');
  for v_i in 1 .. cardinality(v_parts) loop
    if v_i = 1 then
      v_text := v_parts[v_i];
    elsif v_parts[v_i] ~ E'^[a-z0-9_]+\\}' then
      v_value := coalesce(p_values ->> split_part(v_parts[v_i], '}', 1), '');
      v_text := v_text || case when p_is_url then learn_internal.encode_for_url(v_value) else v_value end
        || substr(v_parts[v_i], strpos(v_parts[v_i], '}') + 1);
    else
      v_text := v_text || '{' || v_parts[v_i];
    end if;
  end loop;
  return v_text;
end;
$$;
comment on function learn_internal.fill_placeholders(text, jsonb, boolean) is
  'A text with its placeholders filled in; those without a value are left out. p_is_url: percent-encoded.';
