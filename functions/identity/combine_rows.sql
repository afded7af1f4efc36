-- Before the rows of one account move to another: where both have a row for the same thing, the one that stays gets the
-- better of the two, the sum, or the later word. What is left over of the other goes with its account. The caller has
-- locked both, and nobody else writes for learners.
create or replace function learn_internal.combine_rows(p_from uuid, p_into uuid)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_from learn_internal.paid_questions;
  v_into learn_internal.paid_questions;
begin
  -- Lessons. A completion moves with its fact, and takes the place of a lesson that was only begun.
  update learn.user_lesson_progress f
  set started_at = coalesce(f.started_at, i.started_at), score = greatest(f.score, i.score),
    time_spent_seconds = coalesce(
      case when f.time_spent_seconds < 2147483647 - i.time_spent_seconds
        then f.time_spent_seconds + i.time_spent_seconds end, f.time_spent_seconds, i.time_spent_seconds)
  from learn.user_lesson_progress i
  where f.user_id = p_from and i.user_id = p_into and i.lesson_id = f.lesson_id
    and i.completed_at is null and f.completed_at is not null;
  delete from learn.user_lesson_progress i
  using learn.user_lesson_progress f
  where f.user_id = p_from and i.user_id = p_into and i.lesson_id = f.lesson_id
    and i.completed_at is null and f.completed_at is not null;
  update learn.user_lesson_progress i
  set started_at = coalesce(i.started_at, f.started_at), score = greatest(i.score, f.score),
    time_spent_seconds = coalesce(
      case when i.time_spent_seconds < 2147483647 - f.time_spent_seconds
        then i.time_spent_seconds + f.time_spent_seconds end, i.time_spent_seconds, f.time_spent_seconds)
  from learn.user_lesson_progress f
  where f.user_id = p_from and i.user_id = p_into and i.lesson_id = f.lesson_id;

  update learn.user_course_progress i
  set preferred_difficulty = coalesce(i.preferred_difficulty, f.preferred_difficulty),
    last_activity_at = greatest(i.last_activity_at, f.last_activity_at)
  from learn.user_course_progress f
  where f.user_id = p_from and i.user_id = p_into and i.course_id = f.course_id;
  update learn.course_ratings i
  set rating = f.rating, review = f.review, updated_at = f.updated_at
  from learn.course_ratings f
  where f.user_id = p_from and i.user_id = p_into and i.course_id = f.course_id and f.updated_at > i.updated_at;

  -- Challenges. Of imported progress the larger one counts, as if it had grown.
  update learn.daily_challenge_attempts i
  set score = f.score, passed = f.passed,
    xp_earned = case when f.passed > i.passed then f.xp_earned else i.xp_earned end,
    completed_at = case when f.passed > i.passed then f.completed_at else i.completed_at end
  from learn.daily_challenge_attempts f
  where f.user_id = p_from and i.user_id = p_into and i.daily_challenge_id = f.daily_challenge_id
    and (f.passed > i.passed or f.passed = i.passed and f.score > i.score);
  update learn.imported_challenge_progress i
  set completed_levels = array(select distinct l from unnest(i.completed_levels || f.completed_levels) l order by l),
    total_xp = greatest(i.total_xp, f.total_xp)
  from learn.imported_challenge_progress f
  where f.user_id = p_from and i.user_id = p_into and i.challenge_id = f.challenge_id
    and (not f.completed_levels <@ i.completed_levels or f.total_xp > i.total_xp);

  -- Points add up, as far as the skill takes them.
  update learn.user_skills i
  set points_allocated = least(k.max_level::bigint * k.xp_per_level, i.points_allocated::bigint + f.points_allocated),
    highest_level = greatest(i.highest_level, f.highest_level), unlocked_at = least(i.unlocked_at, f.unlocked_at),
    allocated_at = greatest(i.allocated_at, f.allocated_at), mastered_at = coalesce(i.mastered_at, f.mastered_at)
  from learn.user_skills f
  join learn.skills k on k.id = f.skill_id
  where f.user_id = p_from and i.user_id = p_into and i.skill_id = f.skill_id;

  -- Nobody votes for a post of their own; of two votes for a post the later one counts.
  delete from learn.discussion_votes v
  where v.user_id in (p_from, p_into) and coalesce(
    (select d.author_id from learn.discussions d where d.id = v.discussion_id),
    (select r.author_id from learn.replies r where r.id = v.reply_id)) in (p_from, p_into);
  update learn.discussion_votes i
  set vote_type = f.vote_type, created_at = f.created_at
  from learn.discussion_votes f
  where f.user_id = p_from and i.user_id = p_into and f.created_at > i.created_at
    and (f.discussion_id = i.discussion_id or f.reply_id = i.reply_id);

  -- What the one that stays has had of an achievement, or lost, is how it stands.
  delete from learn.user_avatars v
  using learn.achievements a
  where v.user_id = p_from and a.unlocks_avatar_id = v.avatar_id
    and exists (
      select from learn.revoked_achievements r where r.user_id = p_into and r.achievement_id = a.id)
    and not exists (
      select from learn.user_achievements o
      join learn.achievements b on b.id = o.achievement_id and b.unlocks_avatar_id = v.avatar_id and b.id <> a.id
      where o.user_id in (p_from, p_into));
  delete from learn.user_achievements f
  where f.user_id = p_from and exists (
    select from learn.revoked_achievements r where r.user_id = p_into and r.achievement_id = f.achievement_id);
  delete from learn.revoked_achievements f
  where f.user_id = p_from and exists (
    select from learn.user_achievements i where i.user_id = p_into and i.achievement_id = f.achievement_id);
  -- A course has one certificate; another stays valid without it, because its code has been given away. A token that is
  -- minted stays with the achievement.
  update learn.nft_certificates f set course_id = null
  where f.user_id = p_from and exists (
    select from learn.nft_certificates i where i.user_id = p_into and i.course_id = f.course_id);
  update learn.faucet_requests f
  set limited_until = n.requested_at
  from (
    select r.user_id, r.id, min(o.requested_at) as requested_at
    from learn.faucet_requests r
    join learn.faucet_requests o on o.user_id = case r.user_id when p_from then p_into else p_from end
      and (o.requested_at, o.id) > (r.requested_at, r.id) and o.requested_at < r.limited_until and o.status <> 'failed'
    where r.user_id in (p_from, p_into) and r.status <> 'failed'
    group by r.user_id, r.id
  ) n
  where f.user_id = n.user_id and f.id = n.id;

  -- What was done today and lately, for what is limited.
  update learn_internal.recorded_payments i
  set facts = case when learn_internal.is_over(p_into, i.opened_at) then 0 else i.facts end
      + case when learn_internal.is_over(p_from, f.opened_at) then 0 else f.facts end,
    opened_at = greatest(i.opened_at, f.opened_at)
  from learn_internal.recorded_payments f
  where f.user_id = p_from and i.user_id = p_into and i.activity_type = f.activity_type;
  update learn_internal.recent_calls i
  set called_at = array(select a from unnest(i.called_at || f.called_at) a order by a)
  from learn_internal.recent_calls f
  where f.user_id = p_from and i.user_id = p_into and i.kind = f.kind;
  v_from := learn_internal.open_paid_day(p_from);
  v_into := learn_internal.open_paid_day(p_into);
  if v_from.perfect > 0 or v_from.unnamed <> '{}' or v_from.question_ids <> '{}' then
    insert into learn_internal.paid_questions
      (user_id, opened_at, question_ids, unnamed, perfect)
    values (p_into, v_into.opened_at,
      array(select distinct q from unnest(v_from.question_ids || v_into.question_ids) q),
      coalesce((
        select jsonb_object_agg(u.exam, u.answers)
        from (
          select e.key as exam, sum(e.value::integer) as answers
          from (select * from jsonb_each_text(v_from.unnamed) union all select * from jsonb_each_text(v_into.unnamed)) e
          group by e.key
        ) u), '{}'),
      v_from.perfect + v_into.perfect)
    on conflict (user_id) do update
      set opened_at = excluded.opened_at,
        question_ids = excluded.question_ids, unnamed = excluded.unnamed, perfect = excluded.perfect;
  end if;
  -- Which days they cover follows from the days of both; a retry is answered by who is there.
  update learn.streak_freezes f set used_on = null where f.user_id = p_from and f.used_on is not null;
  update learn.idempotency_keys k set response = jsonb_set(k.response, '{user_id}', to_jsonb(p_into))
  where k.user_id = p_from and k.response is not null;
end;
$$;
comment on function learn_internal.combine_rows(uuid, uuid) is
  'Where two accounts have a row for the same thing: the one that stays gets the better, the sum or the later word.';
