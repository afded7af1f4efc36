-- Who the learners of a simulation are, and when they learn: temporary tables and functions of one session, which
-- leave nothing behind. `dbtool simulate` runs this file, then calls pg_temp.plan_learners(), then pg_temp.live_day()
-- of day.sql for each day.
--
-- Nothing is drawn at random: every chance is a hash of the seed, of what it is about, and of the learner, so that the
-- same seed makes the same learners do the same things.

-- A number from 0 to below 1.
create or replace function pg_temp.dice(p_what text, p_learner bigint, p_more bigint default 0)
returns double precision
language sql
stable
return (hashtextextended(p_what || ':' || p_learner || ':' || p_more, current_setting('learn_simulate.seed')::bigint)
  & 9007199254740991) / 9007199254740992.0;

create temporary table sim_learners (
  number       integer primary key,
  id           uuid not null,
  name         text not null,
  zone         text not null,
  locale       text not null,
  kind         text not null,              -- daily, regular, weekend, drifter
  hour         double precision not null,  -- of the local day, at which they like to learn
  talent       double precision not null,  -- how often something succeeds
  is_offline   boolean not null,           -- often without a network: what they do arrives days later
  signs_up_on  date not null,
  leaves_on    date,                       -- and abandons what was begun
  signs_up_at  timestamptz,
  path         integer not null,           -- of sim_steps
  place        integer not null default 1  -- the next step there
);

create temporary table sim_sessions (
  learner     integer not null,
  day         date not null,               -- the learner's
  at          timestamptz not null,
  recorded_on date not null,               -- when it arrives (UTC): later than it happened, from an offline learner
  acts        integer not null
);

-- What there is to learn, as a list for each path: the tier of lessons that a learner prefers, and where they begin.
create temporary table sim_steps (
  path         integer not null,
  place        integer not null,
  kind         text not null,              -- enroll, lesson, query, level
  course_id    bigint,
  lesson_id    bigint,
  exercise_id  bigint,
  challenge_id bigint,
  level_number integer,
  primary key (path, place)
);

create or replace function pg_temp.plan_learners(
  p_learners integer, p_first_day date, p_days integer, p_rate double precision
)
returns setof date                         -- on which something arrives (UTC)
language plpgsql
as $$
declare
  v_seed  bigint := current_setting('learn_simulate.seed')::bigint;
  v_names text[] := '{Ada,Alan,Amina,Ana,Anton,Aroha,Bea,Carlos,Chen,Chidi,Dana,Diego,Elif,Emil,Fatima,Grace,Hana,Hugo,Ines,Ivan,'
    'Jamal,Jose,Kaito,Kofi,Lena,Linh,Luz,Maria,Marie,Mateo,Mei,Nadia,Noah,Olga,Omar,Priya,Rafael,Ravi,Rosa,Sara,Sven,Tala,'
    'Tomas,Uma,Wei,Yara,Yusuf,Zoe}';
begin
  insert into sim_learners
    (number, id, name, zone, locale, kind, hour, talent, is_offline, signs_up_on, path)
  select n, md5(format('simulate %s %s', v_seed, n))::uuid,
    v_names[1 + floor(pg_temp.dice('name', n) * cardinality(v_names))], z.zone, z.locale,
    case when k.dice < 0.15 then 'daily' when k.dice < 0.45 then 'regular' when k.dice < 0.65 then 'weekend'
      else 'drifter' end,
    5.5 + 16 * (pg_temp.dice('hour', n) + pg_temp.dice('hour', n, 2)) / 2,  -- mostly in the afternoon
    0.5 + 0.45 * pg_temp.dice('talent', n),
    pg_temp.dice('offline', n) < 0.15,
    -- cohorts: a third is there on the first day, the others come, and every week more of them
    p_first_day + case when pg_temp.dice('cohort', n) < 0.33 then 0
      else floor(p_days * sqrt(pg_temp.dice('cohort', n, 2)))::integer end,
    1 + floor(6 * pg_temp.dice('path', n))::integer
  from generate_series(1, p_learners) n
  cross join lateral (select pg_temp.dice('kind', n) as dice) k
  cross join lateral (
    select w.zone, w.locale
    from (
      select v.zone, v.locale, sum(v.weight) over (order by v.zone)::double precision / sum(v.weight) over () as up_to
      from (values
        (null, 'America/New_York', 'en-US', 5), (null, 'America/Sao_Paulo', 'pt-BR', 2), (null, 'Asia/Kolkata', 'en-IN', 4),
        (null, 'Asia/Tokyo', 'ja', 2), (null, 'Europe/Berlin', 'de', 3), (null, 'Europe/London', 'en-GB', 4),
        (null, 'Africa/Lagos', 'en', 2), (null, 'Pacific/Auckland', 'en-NZ', 1), (null, 'Pacific/Kiritimati', 'en', 1),
        ('aralify', 'Asia/Manila', 'fil', 60), ('aralify', 'Asia/Dubai', 'fil-PH', 10)
      ) v(product, zone, locale, weight)
      where v.product is null or v.product in (select p.name from learn.products p)
    ) w
    where w.up_to > pg_temp.dice('zone', n)
    order by w.up_to limit 1
  ) z;
  update sim_learners l
  set leaves_on = l.signs_up_on + 2 + floor(-14 * ln(1 - pg_temp.dice('leaves', l.number)))::integer
  where l.kind <> 'daily' and pg_temp.dice('leaver', l.number) < 0.4;

  -- A session is at the learner's hour, more or less, of a day on which they feel like it.
  insert into sim_sessions (learner, day, at, recorded_on, acts)
  select s.number, s.day, s.at,
    (s.at at time zone 'UTC')::date + case
      when s.is_offline and s.day > s.signs_up_on and pg_temp.dice('late', s.number, s.key) < 0.3
        then 1 + floor(3 * pg_temp.dice('days late', s.number, s.key))::integer else 0 end,
    least(12, 1 + floor(-p_rate * ln(1 - pg_temp.dice('acts', s.number, s.key))))
  from (
    select l.number, l.signs_up_on, l.is_offline, d.day, d.day - date '2000-01-01' as key,
      (d.day + greatest(0, least(23.8, l.hour + 4 * pg_temp.dice('at', l.number, d.day - date '2000-01-01') - 2))
        * interval '1 hour') at time zone l.zone as at
    from sim_learners l
    cross join lateral (
      select l.signs_up_on + g as day from generate_series(0, p_first_day + p_days - 1 - l.signs_up_on) g
    ) d
    where d.day < coalesce(l.leaves_on, 'infinity')
      and (d.day = l.signs_up_on or pg_temp.dice('comes', l.number, d.day - date '2000-01-01') < case l.kind
        when 'daily' then 0.93
        when 'regular' then case when extract(isodow from d.day) > 5 then 0.25 else 0.5 end
        when 'weekend' then case when extract(isodow from d.day) > 5 then 0.75 else 0.05 end
        else 0.6 * exp((l.signs_up_on - d.day) / 5.0) end)
  ) s;
  delete from sim_sessions s where s.recorded_on >= p_first_day + p_days;
  update sim_learners l
  set signs_up_at = s.at - interval '5 minutes'
  from (select s.learner, min(s.at) as at from sim_sessions s group by s.learner) s
  where s.learner = l.number;
  create index on sim_sessions (recorded_on);
  perform pg_temp.plan_steps();
  analyze sim_learners;
  analyze sim_sessions;
  analyze sim_steps;
  return query
    select s.recorded_on from sim_sessions s
    union
    select (l.signs_up_at at time zone 'UTC')::date from sim_learners l where l.signs_up_at is not null
    order by 1;
end;
$$;

create or replace function pg_temp.plan_steps()
returns void
language sql
begin atomic
  insert into sim_steps (path, place, kind, course_id, lesson_id, exercise_id, challenge_id, level_number)
  with recursive depths(course_id, depth) as (  -- a course comes after those that it asks for
    select c.id, 0 from learn.courses c
    union
    select r.course_id, d.depth + 1
    from depths d
    join learn_internal.course_requirements r on r.prerequisite_course_id = d.course_id
  ), steps as (
    -- a course: enrol, then its lessons
    select 1 as part, d.depth, c.position as first, c.id as second, 0 as third, 0 as fourth,
      'enroll' as kind, c.id as course_id, null::bigint as lesson_id, null as tier, null::bigint as exercise_id,
      null::bigint as challenge_id, null::integer as level_number
    from learn.courses c
    join (select course_id, max(depth) as depth from depths group by course_id) d on d.course_id = c.id
    where c.is_published
    union all
    select 1, d.depth, c.position, c.id, 1 + coalesce(v.position, 0) * 10000 + coalesce(l.sequence_number, 0), coalesce(e.position, 0),
      case when e.id is null then 'lesson' else 'query' end, c.id, l.id,
      nullif(l.difficulty, '') , e.id, null, null
    from learn.lessons l
    join learn.courses c on c.id = l.course_id and c.is_published
    join (select course_id, max(depth) as depth from depths group by course_id) d on d.course_id = c.id
    left join learn.course_levels v on v.id = l.course_level_id
    left join learn.exercises e on e.lesson_id = l.id and e.is_published
    where l.is_available
    union all
    -- lessons of tracks, and those that are in none
    select 2, 0, coalesce(t.position, 0), l.id, 0, coalesce(e.position, 0),
      case when e.id is null then 'lesson' else 'query' end, null, l.id, null, e.id, null, null
    from learn.lessons l
    left join lateral (
      select t.position * 10000 + k.position as position
      from learn.track_lessons k
      join learn.tracks t on t.id = k.track_id
      where k.lesson_id = l.id
      order by t.position, k.position limit 1
    ) t on true
    left join learn.exercises e on e.lesson_id = l.id and e.is_published
    where l.course_id is null and l.is_available
    union all
    select 3, coalesce(t.position, 0), c.position, c.id, v.level_number, 0, 'level', null, null, null, null, c.id, v.level_number
    from learn.challenges c
    join learn.challenge_levels v on v.challenge_id = c.id
    left join learn.tracks t on t.id = c.track_id
    where c.is_active
  )
  select p.path, row_number() over (
      partition by p.path
      order by s.part, s.depth, case when s.part = 1 and p.path % 2 = 0 then -s.first else s.first end,
        s.second, s.third, s.fourth),
    s.kind, s.course_id, s.lesson_id, s.exercise_id, s.challenge_id, s.level_number
  from steps s
  cross join generate_series(1, 6) p(path)
  -- of the lessons of a level, the one in the learner's tier; where there are no tiers, all
  where s.tier is null or s.tier not in ('easy', 'medium', 'hard') or not exists (
      select from learn.lessons o
      join learn.lessons l on l.course_level_id = o.course_level_id
      where l.id = s.lesson_id and o.difficulty = (array['easy', 'medium', 'hard'])[p.path % 3 + 1])
    or s.tier = (array['easy', 'medium', 'hard'])[p.path % 3 + 1];
end;
