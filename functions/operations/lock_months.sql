-- Keeps what is in partitions from being changed, while they are packed: nobody adds to months that are over, or
-- takes from them, but by hand. Tries for short whiles, as lock_logs() does. Errors: 55P03 after 50 tries.
create or replace function learn_internal.lock_months(p_partitions regclass[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $$
declare
  v_partition regclass;
begin
  for v_try in 1 .. 50 loop
    begin
      foreach v_partition in array p_partitions loop
        execute format('lock table %s in share mode', v_partition);
      end loop;
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
comment on function learn_internal.lock_months(regclass[]) is
  'Keeps what is in partitions from being changed while they are packed.';
