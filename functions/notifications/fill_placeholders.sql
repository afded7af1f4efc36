-- A text with its placeholders, {name} and the like, filled in, in one pass: what is filled in
-- is not looked at again. What there is no value for is left out.
create or replace function learn_internal.fill_placeholders(p_text text, p_values jsonb)
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$
  select case when strpos(p_text, '{') = 0 then p_text else (
    select string_agg(
      case when m.part[1] ~ '^\{[a-z0-9_]+\}$'
        then coalesce(p_values ->> substr(m.part[1], 2, length(m.part[1]) - 2), '')
      else m.part[1] end, '' order by m.position)
    from regexp_matches(p_text, '\{[a-z0-9_]+\}|[^{]+|\{', 'g') with ordinality m(part, position)
  ) end;
$$;
comment on function learn_internal.fill_placeholders(text, jsonb) is
  'A text with its placeholders filled in; those without a value are left out.';
revoke all on function learn_internal.fill_placeholders(text, jsonb) from public;
