-- The next release, made up: what a release may do while the one before is beside it (docs/scaling.md), once each.

set role learn_owner;

-- content has a new column, and so has a profile
alter table learn.lessons add column mood text not null default 'calm';
alter table learn.users add column pronouns text;

-- learners have new rows
create table learn.user_moods (
  user_id uuid not null references learn.users on delete cascade,
  mood    text not null,
  primary key (user_id, mood)
);

-- what a migration brings of content
insert into learn.activity_types (key, is_qualifying) values ('meditated', true) on conflict do nothing;
insert into learn.metrics (key, activity_type, is_board) values ('meditations', 'meditated', true) on conflict do nothing;

do $do$
declare
  v_it  record;
  v_old text;
begin
  -- all types and views that callers see have one column more
  for v_it in
    select p.prorettype::regtype::text as name from pg_proc p
    join pg_type t on t.oid = p.prorettype and t.typtype = 'c'
    where p.pronamespace = 'learn'::regnamespace
      and exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c')
    group by p.prorettype
  loop
    execute format('alter type %s add attribute added text', v_it.name);
  end loop;
  for v_it in
    select c.oid::regclass as name, coalesce('with (' || array_to_string(c.reloptions, ', ') || ')', '') as options
    from pg_class c where c.relnamespace = 'learn'::regnamespace and c.relkind = 'v'
  loop
    execute format('create or replace view %s %s as select v.*, ''new''::text as added from (%s) v', v_it.name,
      v_it.options, rtrim(pg_get_viewdef(v_it.name), ';'));
  end loop;
  execute replace(pg_get_functiondef('learn_internal.summarize'::regproc), 'v_summary.replayed := false;',
    'v_summary.replayed := false; v_summary.added := ''new'';');
  -- a helper that shards/boards.sql calls has another name
  alter function learn_internal.board_rank rename to rank_on_board;
  for v_it in select p.oid from pg_proc p where p.prosrc ~ '\mboard_rank\(' loop
    execute replace(pg_get_functiondef(v_it.oid), 'board_rank(', 'rank_on_board(');
  end loop;
  -- achievements have a new word
  execute replace(pg_get_functiondef('learn_internal.criteria_problem'::regproc), '''{at_least,metric,scope}'')',
    '''{at_least,metric,scope}'', ''{at_least,metric,note}'')');
  -- a public function has a new optional parameter at its end
  v_old := pg_get_functiondef('learn.complete_lesson'::regproc);
  drop function learn.complete_lesson;
  execute replace(replace(v_old, 'p_idempotency_key text DEFAULT NULL::text)',
      'p_idempotency_key text DEFAULT NULL::text, p_mood text DEFAULT ''new''::text)'),
    'return learn_internal.end_call(v_call);',
    'perform learn.award_xp(p_user_id, 1, ''mood'', p_mood) where p_mood <> ''new''; return learn_internal.end_call(v_call);');
end;
$do$;
comment on function learn.complete_lesson is 'Completes a lesson in a mood.';
revoke execute on function learn.complete_lesson from public;
grant execute on function learn.complete_lesson to learn_app, learn_user;

create function learn.lesson_mood(p_user_id uuid, p_lesson_id bigint)
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select l.mood from learn.lessons l where l.id = p_lesson_id
$$;
comment on function learn.lesson_mood(uuid, bigint) is 'The mood of a lesson.';
revoke execute on function learn.lesson_mood(uuid, bigint) from public;
grant execute on function learn.lesson_mood(uuid, bigint) to learn_app;

reset role;
