-- What award_xp() may give a learner on a day: more than the whole level curve takes (495,000 XP), so that nobody who awards
-- on purpose meets it, and a script in a loop does. A deployment's changes stay.
select learn_internal.use_product('comptia_quiz');

with rows(activity_type, amount, daily_cap) as (values ('xp_awarded', 0, 500000))
select learn_internal.merge_rows('learn.xp_rules', '{activity_type}', jsonb_agg(to_jsonb(r)),
  '{amount,daily_cap}') as xp_rules
from rows r;
