-- What happens when rows of learn.assessment_results are written, in the order in which triggers fire.
-- Errors: LX003.

-- Before assessments are written: content is held, because they recommend some of it.
create or replace trigger assessment_results_hold
  before insert on learn.assessment_results
  for each statement
  execute function learn_internal.hold_content_first();

-- When assessments are written: they are graded, what they say of the user is noted with them, and
-- they are facts. An initial one sets the user's skill level, later ones raise it, if the setting says so.
-- Errors: LX003 a setting is missing.
create or replace function learn_internal.assessments_completed()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids     uuid[];
  v_intermediate numeric;
  v_advanced     numeric;
  v_strength     numeric;
  v_weakness     numeric;
  v_most         integer;
begin
  select array_agg(distinct n.user_id) into v_user_ids from new_rows n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  v_intermediate := learn_internal.setting_number('assessment_intermediate_percentage');
  v_advanced := learn_internal.setting_number('assessment_advanced_percentage');
  v_strength := learn_internal.setting_number('assessment_strength_percentage');
  v_weakness := learn_internal.setting_number('assessment_weakness_percentage');
  v_most := learn_internal.setting_number('assessment_recommendations');

  -- Grade
  with asked as (
    select n.user_id, n.id, q.value ->> 'id' as question, q.value ->> 'category' as category,
      q.value -> 'correct_answer' as correct_answer
    from new_rows n
    cross join lateral jsonb_array_elements(n.questions) q
  ), answered as (
    select n.user_id, n.id, r.value ->> 'id' as question, r.value -> 'answer' as answer
    from new_rows n
    cross join lateral jsonb_array_elements(n.responses) r
  ), categories as (
    select q.user_id, q.id, q.category, count(*) as questions,
      count(*) filter (where a.answer = q.correct_answer) as correct
    from asked q
    left join answered a
      on a.user_id = q.user_id and a.id = q.id and a.question = q.question
    group by q.user_id, q.id, q.category
  ), graded as (
    select c.user_id, c.id, 100.0 * sum(c.correct) / sum(c.questions) as score,
      coalesce(jsonb_agg(c.category order by c.category)
        filter (where 100 * c.correct >= v_strength * c.questions), '[]') as strengths,
      coalesce(jsonb_agg(c.category order by c.category)
        filter (where 100 * c.correct < v_weakness * c.questions), '[]') as weaknesses
    from categories c
    group by c.user_id, c.id
  )
  update learn.assessment_results r
  set score = round(g.score, 2), strengths = g.strengths, weaknesses = g.weaknesses,
    skill_level_recommendation = case when g.score >= v_advanced then 'advanced'
      when g.score >= v_intermediate then 'intermediate' else 'beginner' end
  from graded g
  where r.user_id = g.user_id and r.id = g.id;

  -- Recommend: tracks whose difficulty is of the level, else the first one; challenges up to it, else
  -- harder ones, weak categories first.
  update learn.assessment_results r
  set track_recommendations = t.slugs, challenge_recommendations = c.slugs
  from new_rows n
  join learn.assessment_results e on e.user_id = n.user_id and e.id = n.id
  join learn.difficulties d on d.key = e.skill_level_recommendation
  cross join lateral (
    select coalesce(jsonb_agg(o.slug order by o.number), '[]') as slugs
    from (
      select k.slug, k.difficulty_rank = d.rank as fits,
        row_number() over w as number,
        bool_or(k.difficulty_rank = d.rank) over () as has_fitting
      from learn_internal.open_tracks k
      where k.user_id = n.user_id
      window w as (order by k.difficulty_rank = d.rank desc, k.position, k.track_id)
    ) o
    where o.number <= v_most and (o.fits or not o.has_fitting and o.number = 1)
  ) t
  cross join lateral (
    select coalesce(jsonb_agg(o.slug order by o.number), '[]') as slugs
    from (
      select h.slug, row_number() over (
          order by e.weaknesses ? h.category desc, h.difficulty_rank, h.track_position, h.track_id,
            h.position, h.challenge_id) as number
      from (
        select k.*, w.fits, bool_or(w.fits) over () as has_fitting
        from learn_internal.open_challenges k
        cross join lateral (
          select e.skill_level_recommendation = 'advanced' or k.difficulty_rank <= d.rank as fits
        ) w
        where k.user_id = n.user_id
      ) h
      where h.fits = h.has_fitting
    ) o
    where o.number <= v_most
  ) c
  where r.user_id = n.user_id and r.id = n.id;

  if learn_internal.setting_boolean('assessment_sets_skill_level') then
    update learn.users u
    set skill_level = l.skill_level
    from (
      -- of each user, the latest initial one and those after it: the highest level of them
      select distinct on (a.user_id) a.user_id, a.skill_level, a.rank, a.is_set
      from (
        select n.user_id, r.skill_level_recommendation as skill_level, d.rank,
          bool_or(n.assessment_type = 'initial') over (partition by n.user_id) as is_set,
          n.assessment_type = 'initial' as is_initial,
          count(*) filter (where n.assessment_type = 'initial') over (
            partition by n.user_id order by n.completed_at desc, n.id desc) as initials
        from new_rows n
        join learn.assessment_results r on r.user_id = n.user_id and r.id = n.id
        join learn.difficulties d on d.key = r.skill_level_recommendation
      ) a
      where a.initials = a.is_initial::integer
      order by a.user_id, a.rank desc
    ) l
    where u.id = l.user_id and u.skill_level <> l.skill_level and (l.is_set or l.rank > (
      select d.rank from learn.difficulties d where d.key = u.skill_level));
  end if;

  perform learn_internal.write_facts(array_agg(
    (n.user_id, 'assessment_completed', 'assessment', n.id::text,
      jsonb_build_object('assessment_type', n.assessment_type, 'score', r.score,
        'skill_level', r.skill_level_recommendation),
      null, n.completed_at)::learn_internal.fact
    order by n.user_id, n.completed_at, n.id))
  from new_rows n
  join learn.assessment_results r on r.user_id = n.user_id and r.id = n.id;
  return null;
end;
$$;
comment on function learn_internal.assessments_completed() is
  'Statement trigger: grades assessments, recommends, sets skill levels; they become facts.';

create or replace trigger assessments_completed
  after insert on learn.assessment_results
  referencing new table as new_rows
  for each statement
  execute function learn_internal.assessments_completed();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.assessment_results
  for each row
  when (learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

create or replace trigger refuse_new_times
  before update of completed_at on learn.assessment_results
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

-- Assessments stay as they were judged.
-- Errors: LX009.
create or replace trigger results_stay
  after update on learn.assessment_results
  for each row when (pg_trigger_depth() = 0 and old.* is distinct from new.*)
  execute function learn_internal.refuse_change();
