-- What the engine is measured against.
-- bench.lesson_progress: the same rows as learn.user_lesson_progress with the same keys, checked as a table of one's own
-- would be, and nothing that follows. Written out, so that it stays the same whatever becomes of Laurel's.
-- bench.complete(): one function that writes the rows that the engine writes for a completion, with no rule in it.
create schema bench;

create table bench.lesson_progress (
  user_id            uuid not null references learn.users on delete cascade,
  lesson_id          bigint not null references learn.lessons on delete cascade,
  status             text not null default 'not_started'
    check (status in ('not_started', 'in_progress', 'completed')),
  score              numeric check (score between 0 and 100),
  time_spent_seconds integer check (time_spent_seconds >= 0),
  started_at         timestamptz,
  completed_at       timestamptz,
  primary key (user_id, lesson_id),
  check ((status = 'completed') = (completed_at is not null))
) with (fillfactor = 90);
create index on bench.lesson_progress (lesson_id, user_id);
create index on bench.lesson_progress (user_id, completed_at desc) where completed_at is not null;
grant usage on schema bench to learn_app;
grant insert on bench.lesson_progress to learn_app;

create table bench.written_progress (like bench.lesson_progress including all);
alter table bench.written_progress
  add foreign key (user_id) references learn.users on delete cascade,
  add foreign key (lesson_id) references learn.lessons on delete cascade;
create table bench.facts (like learn.activity_log including all) partition by range (recorded_at);
create table bench.facts_default partition of bench.facts default;
alter table bench.facts
  add foreign key (user_id) references learn.users on delete cascade,
  add foreign key (activity_type) references learn.activity_types;
create table bench.ledger (like learn.xp_transactions including all) partition by range (created_at);
create table bench.ledger_default partition of bench.ledger default;
alter table bench.ledger add foreign key (user_id) references learn.users on delete cascade;
create table bench.stats (like learn.user_stats including all);
create table bench.days (like learn.user_activity_days including all);
create table bench.metrics (like learn.user_metrics including all);
alter table bench.metrics add foreign key (user_id) references learn.users on delete cascade;
create table bench.tracks (like learn.user_track_progress including all);
alter table bench.tracks add foreign key (user_id) references learn.users on delete cascade;
create table bench.gains (like learn_internal.board_gains including all);

create function bench.complete(p_user_id uuid, p_lesson_id bigint, p_track_id bigint) returns void
language plpgsql
as $$
begin
  insert into bench.written_progress (user_id, lesson_id, status, completed_at)
  values (p_user_id, p_lesson_id, 'completed', now());
  insert into bench.facts (user_id, activity_type, subject_type, subject_id, xp, occurred_at, local_date, is_qualifying, recorded_at)
  values (p_user_id, 'lesson_completed', 'lesson', p_lesson_id::text, 50, now(), current_date, true, now());
  insert into bench.ledger (user_id, amount, activity_type, source_type, source_id, earned_on, created_at)
  values (p_user_id, 50, 'lesson_completed', 'lesson_completed', p_lesson_id::text, current_date, now());
  update bench.stats set total_xp = total_xp + 50 where user_id = p_user_id;
  insert into bench.days (user_id, activity_date) values (p_user_id, current_date) on conflict do nothing;
  insert into bench.metrics as m (user_id, metric, scope, value) values (p_user_id, 'lessons_completed', '', 1)
  on conflict (user_id, metric, scope) do update set value = m.value + 1;
  insert into bench.tracks as t (user_id, track_id, items_completed, total_items) values (p_user_id, p_track_id, 1, 20)
  on conflict (user_id, track_id) do update set items_completed = t.items_completed + 1;
  insert into bench.gains (user_id, metric, local_date, activity_type, amount)
  values (p_user_id, 'xp', current_date, 'lesson_completed', 50),
    (p_user_id, 'lessons_completed', current_date, null, 1);
end;
$$;
