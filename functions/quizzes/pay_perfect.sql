-- Whether a perfect quiz pays for being perfect: so many do on a day, or else a short one that is known by heart would
-- pay as often as one likes. The caller has locked the learner.
create or replace function learn_internal.pay_perfect(p_user_id uuid)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_day learn_internal.paid_questions;
begin
  v_day := learn_internal.open_paid_day(p_user_id);
  if v_day.perfect >= learn_internal.setting_number('quiz_perfect_payments_per_day') then
    return false;
  end if;
  insert into learn_internal.paid_questions as d
    (user_id, opened_at, question_ids, unnamed, perfect)
  values (p_user_id, v_day.opened_at, v_day.question_ids, v_day.unnamed, v_day.perfect + 1)
  on conflict (user_id) do update
    set opened_at = excluded.opened_at,
      question_ids = excluded.question_ids, unnamed = excluded.unnamed, perfect = excluded.perfect;
  return true;
end;
$$;
comment on function learn_internal.pay_perfect(uuid) is
  'Whether a perfect quiz pays for being perfect today.';
