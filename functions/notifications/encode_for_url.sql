-- A text as a part of a URL: what is not a letter of ASCII, a digit or one of -._~ is percent-encoded.
create or replace function learn_internal.encode_for_url(p_text text)
returns text
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_text ~ ('^[A-Za-z0-9._~-]*$' collate "C") then
    return p_text;
  end if;
  return coalesce(string_agg(
    case when chr(b.byte) ~ '[A-Za-z0-9._~-]' and b.byte < 128 then chr(b.byte)
      else '%' || upper(lpad(to_hex(b.byte), 2, '0')) end, '' order by b.place), '')
  from (
    select i as place, get_byte(convert_to(p_text, 'UTF8'), i) as byte
    from generate_series(0, octet_length(convert_to(p_text, 'UTF8')) - 1) i
  ) b;
end;
$$;
comment on function learn_internal.encode_for_url(text) is 'A text as a part of a URL, percent-encoded.';
