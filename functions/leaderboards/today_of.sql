-- A user's own date by Laurel's clock; of nobody, the one of UTC.
create or replace function learn_internal.today_of(p_user_id uuid)
returns date
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (learn.clock() at time zone coalesce((
    select u.timezone from learn.users u where u.id = p_user_id), 'UTC'))::date;
end;
$$;
comment on function learn_internal.today_of(uuid) is 'A user''s own date by the clock.';
