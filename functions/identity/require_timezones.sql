-- Refuses time zones that are none.
-- Errors: LX001.
create or replace function learn_internal.require_timezones(p_names text[])
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
begin
  select n into v_name from unnest(p_names) n where not learn_internal.is_timezone(n) limit 1;
  if found then
    raise exception 'unknown time zone'
      using errcode = 'LX001', detail = format('timezone = %s', left(v_name, 100)),
        hint = 'Use an IANA name such as Europe/Paris or UTC.';
  end if;
end;
$$;
comment on function learn_internal.require_timezones(text[]) is
  'Refuses names that are no IANA time zones (LX001).';
