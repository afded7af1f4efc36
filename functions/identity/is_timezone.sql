-- Whether a name is an IANA time zone. PostgreSQL also takes abbreviations and POSIX rules,
-- whose signs are the other way round (UTC+3 is three hours west): those are not IANA names.
create or replace function learn_internal.is_timezone(p_name text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_name in ('UTC', 'GMT') then
    return true;
  end if;
  if p_name !~ '^[A-Za-z_]+(/[A-Za-z_]+(-[A-Za-z_]+)*)+$' then
    -- Japan, Etc/GMT+3; slow, rare
    return exists (select from pg_catalog.pg_timezone_names n where n.name = p_name);
  end if;
  perform now() at time zone p_name;
  return true;
exception
  when invalid_parameter_value then
    return false;
end;
$$;
comment on function learn_internal.is_timezone(text) is 'Whether a name is an IANA time zone.';
