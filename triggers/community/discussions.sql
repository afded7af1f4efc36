-- What happens when rows of learn.discussions are written, in the order in which triggers fire.

-- Before discussions are written: content is held.
create or replace trigger discussions_hold
  before insert or update of course_id on learn.discussions
  for each statement
  execute function learn_internal.hold_content_first();

-- When a discussion is started: its tags are normalized. Updates are left to the CHECK, because
-- a row trigger before updates would have PostgreSQL compute `words` again with every count.
create or replace function learn_internal.tag_discussions()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  new.tags := learn_internal.normalize_tags(new.tags);
  return new;
end;
$$;
comment on function learn_internal.tag_discussions() is
  'Row trigger: normalizes the tags of a new discussion.';

create or replace trigger tag_discussions
  before insert on learn.discussions
  for each row
  when (new.tags <> '{}')
  execute function learn_internal.tag_discussions();

-- When a discussion is edited by hand: updated_at says so. After the update and not before it,
-- because a row trigger before updates would have PostgreSQL compute `words` again with every count.
create or replace function learn_internal.date_discussions()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update learn.discussions d set updated_at = learn.clock() where d.id = new.id;
  return null;
end;
$$;
comment on function learn_internal.date_discussions() is
  'Row trigger: sets updated_at of a discussion that was edited.';

create or replace trigger date_discussions
  after update of title, content, category, tags on learn.discussions
  for each row
  when ((old.title, old.content, old.category, old.tags)
      is distinct from (new.title, new.content, new.category, new.tags)
    and new.updated_at = old.updated_at)
  execute function learn_internal.date_discussions();

-- When discussions are started: each is a fact of its author.
create or replace function learn_internal.discussions_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_facts learn_internal.fact[];
begin
  select array_agg(
    (n.author_id, 'discussion_posted', 'discussion', n.id::text,
      jsonb_strip_nulls(jsonb_build_object('course_id', n.course_id, 'category', n.category)),
      null, n.created_at)::learn_internal.fact
    order by n.author_id, n.id)
  into v_facts
  from new_rows n;
  if v_facts is null then
    return null;
  end if;
  perform from learn.user_stats s
  where s.user_id = any (array(select f.user_id from unnest(v_facts) f))
  order by s.user_id for no key update;
  perform learn_internal.write_facts(v_facts);
  return null;
end;
$$;
comment on function learn_internal.discussions_inserted() is
  'Statement trigger: new discussions become facts.';

create or replace trigger discussions_inserted
  after insert on learn.discussions
  referencing new table as new_rows
  for each statement
  execute function learn_internal.discussions_inserted();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.discussions
  for each row
  when (learn_internal.is_off_time(
    greatest(new.created_at, new.updated_at),
    least(new.created_at, new.updated_at)))
  execute function learn_internal.refuse_times('created_at', 'updated_at');

create or replace trigger refuse_new_times
  before update of created_at, updated_at on learn.discussions
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at)
    or new.updated_at is distinct from old.updated_at and learn_internal.is_off_time(new.updated_at, new.updated_at))
  execute function learn_internal.refuse_times('created_at', 'updated_at');
