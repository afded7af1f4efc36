-- Waits until nobody writes for learners, and has those who come wait until this transaction ends. It tries for short
-- whiles, letting go in between, so that learners never queue behind it for long.
-- Errors: 55P03 after 50 tries.
create or replace function learn_internal.wait_for_learners(p_for text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $$
begin
  for v_try in 1 .. 50 loop
    begin
      lock table learn_internal.content_lock in exclusive mode;
      return;
    exception
      when lock_not_available then
        if v_try = 50 then
          raise exception 'learners are busy: there was no moment without them'
            using errcode = sqlstate, detail = p_for,
              hint = 'Nothing was changed. Try again when no long transaction is under way: '
                'select * from pg_stat_activity order by xact_start.';
        end if;
    end;
    perform pg_sleep(0.01 * v_try);
  end loop;
end;
$$;
comment on function learn_internal.wait_for_learners(text) is
  'Waits until nobody writes for learners, and has those who come wait until the transaction ends (55P03).';
