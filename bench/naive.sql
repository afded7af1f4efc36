-- Rewards as a product document sketches them: a trigger for each row, which counts the learner's history, and looks
-- through all achievements. The tables alone (schema app) serve bench/day.py for the same rules in Python.
create table naive.progress (
  user_id      uuid not null references learn.users on delete cascade,
  lesson_id    bigint not null references learn.lessons on delete cascade,
  completed_at timestamptz not null default now(),
  primary key (user_id, lesson_id)
);
create table naive.activity (
  id      bigint generated always as identity primary key,
  user_id uuid not null references learn.users on delete cascade,
  kind    text not null,
  subject text not null,
  at      timestamptz not null default now()
);
create index on naive.activity (user_id, at);
create table naive.xp (
  id         bigint generated always as identity primary key,
  user_id    uuid not null references learn.users on delete cascade,
  amount     integer not null,
  created_at timestamptz not null default now()
);
create index on naive.xp (user_id);
create table naive.stats (
  user_id   uuid primary key references learn.users on delete cascade,
  total_xp  bigint not null,
  level     integer not null,
  streak    integer not null
);
create table naive.tracks (
  user_id  uuid not null references learn.users on delete cascade,
  track_id bigint not null references learn.tracks on delete cascade,
  done     integer not null,
  total    integer not null,
  primary key (user_id, track_id)
);
create table naive.achievements as
  select a.slug, a.criteria ->> 'metric' as metric, (a.criteria ->> 'at_least')::bigint as threshold
  from learn.achievements a
  where a.criteria ? 'metric';
create table naive.user_achievements (
  user_id   uuid not null references learn.users on delete cascade,
  slug      text not null,
  earned_at timestamptz not null default now(),
  primary key (user_id, slug)
);

-- triggers
create function naive.streak(p_user_id uuid) returns integer language sql stable as $$
  select count(*)::integer
  from (
    select d.day, row_number() over (order by d.day desc) as place
    from (select distinct a.at::date as day from naive.activity a where a.user_id = p_user_id) d
  ) r
  where r.day = current_date - (r.place - 1)::integer
$$;

create function naive.value(p_user_id uuid, p_metric text) returns bigint language plpgsql stable as $$
begin
  return case p_metric
    when 'lessons_completed' then (select count(*) from naive.progress p where p.user_id = p_user_id)
    when 'xp' then (select coalesce(sum(x.amount), 0) from naive.xp x where x.user_id = p_user_id)
    when 'level_reached' then (select s.level from naive.stats s where s.user_id = p_user_id)
    when 'active_days' then (select count(distinct a.at::date) from naive.activity a where a.user_id = p_user_id)
    when 'current_streak' then naive.streak(p_user_id)
    when 'tracks_completed' then (select count(*) from naive.tracks t where t.user_id = p_user_id and t.done = t.total)
    else (select count(*) from naive.activity a where a.user_id = p_user_id and a.kind = p_metric)
  end;
end;
$$;

create function naive.completed() returns trigger language plpgsql as $$
declare
  v_xp bigint;
  a    record;
begin
  insert into naive.activity (user_id, kind, subject) values (new.user_id, 'lesson_completed', new.lesson_id::text);
  insert into naive.xp (user_id, amount) values (new.user_id, 50);
  select sum(x.amount) into v_xp from naive.xp x where x.user_id = new.user_id;
  insert into naive.stats (user_id, total_xp, level, streak)
  values (new.user_id, v_xp, (select max(t.level) from learn.level_thresholds t where t.min_xp <= v_xp), naive.streak(new.user_id))
  on conflict (user_id) do update set total_xp = excluded.total_xp, level = excluded.level, streak = excluded.streak;
  insert into naive.tracks (user_id, track_id, done, total)
  select new.user_id, k.track_id,
    (select count(*) from learn.track_lessons o
      join naive.progress p on p.lesson_id = o.lesson_id and p.user_id = new.user_id where o.track_id = k.track_id),
    (select count(*) from learn.track_lessons o where o.track_id = k.track_id)
  from learn.track_lessons k
  where k.lesson_id = new.lesson_id
  on conflict (user_id, track_id) do update set done = excluded.done, total = excluded.total;
  for a in
    select c.* from naive.achievements c
    where not exists (select from naive.user_achievements u where u.user_id = new.user_id and u.slug = c.slug)
  loop
    if naive.value(new.user_id, a.metric) >= a.threshold then
      insert into naive.user_achievements (user_id, slug) values (new.user_id, a.slug);
    end if;
  end loop;
  return null;
end;
$$;
create trigger completed after insert on naive.progress for each row execute function naive.completed();
