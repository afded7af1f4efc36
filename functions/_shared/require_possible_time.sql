-- Refuses a time at which nothing can have happened: ahead of the clock, or absurdly far back.
-- Errors: LX001.
create or replace function learn_internal.require_possible_time(p_name text, p_time timestamptz)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if learn_internal.is_off_time(p_time, p_time) then
    raise exception 'a time is out of bounds'
      using errcode = 'LX001', detail = format('%s = %s', p_name, p_time),
        hint = 'What has happened is dated at most 5 minutes ahead of learn.clock(), and not before 1970.';
  end if;
end;
$$;
comment on function learn_internal.require_possible_time(text, timestamptz) is
  'Refuses a time ahead of the clock or before 1970 (LX001).';
