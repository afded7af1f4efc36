-- Takes locks, all at once or none, as the statements say that it is given. Tries for short whiles, letting go in
-- between, so that it is never part of a deadlock and never has writers queue behind it for long.
-- Errors: 55P03 after 50 tries.
create or replace function learn_internal.lock_patiently(p_statements text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $$
begin
  for v_try in 1 .. 50 loop
    begin
      execute p_statements;
      return;
    exception
      when lock_not_available then
        if v_try = 50 then
          raise;
        end if;
    end;
    perform pg_sleep(0.02 * v_try);
  end loop;
end;
$$;
comment on function learn_internal.lock_patiently(text) is 'Takes locks, all at once or none, trying for short whiles.';
