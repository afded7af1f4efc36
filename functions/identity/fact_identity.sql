-- What a fact is about that happens to a learner once; null where it may happen again. Of achievements: being earned
-- and revoked are one history.
create or replace function learn_internal.fact_identity(
  p_type text, p_subject_type text, p_subject_id text, p_properties jsonb, p_happens_once boolean
)
returns text[]
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_type in ('achievement_earned', 'achievement_revoked')
      then array['achievement', p_properties ->> 'achievement_id']
    when p_type = 'user_registered' then array[p_type]
    when p_type in ('xp_awarded', 'period_rewarded') and p_properties ->> 'source_id' is not null
      then array[p_type, p_properties ->> 'source_type', p_properties ->> 'source_id']
    when p_type = 'solution_accepted' then array[p_type, p_properties ->> 'discussion_id']
    when p_type = 'streak_freeze_used' or p_happens_once and p_subject_id is not null
      then array[p_type, p_subject_type, p_subject_id]
  end;
$$;
comment on function learn_internal.fact_identity(text, text, text, jsonb, boolean) is
  'What a fact is about that happens to a learner once; null where it may happen again.';
