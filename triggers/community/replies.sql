-- What happens when rows of learn.replies are written, in the order in which triggers fire.

-- Before replies are written or accepted: content and rules are held, because facts follow.
create or replace trigger replies_hold
  before insert or update of is_solution, first_accepted_at on learn.replies
  for each statement
  execute function learn_internal.hold_content_first();

-- When a reply is accepted by hand: it has a date, and keeps it, so that it is a fact once.
create or replace function learn_internal.date_solutions()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' and old.first_accepted_at is not null then
    new.first_accepted_at := old.first_accepted_at;
  elsif new.is_solution and new.first_accepted_at is null then
    new.first_accepted_at := learn.clock();
  end if;
  return new;
end;
$$;
comment on function learn_internal.date_solutions() is
  'Row trigger: an accepted reply has a date, and keeps it.';

create or replace trigger date_solutions
  before insert on learn.replies
  for each row
  when (new.is_solution and new.first_accepted_at is null)
  execute function learn_internal.date_solutions();

create or replace trigger keep_solution_dates
  before update of is_solution, first_accepted_at on learn.replies
  for each row
  when (new.is_solution and new.first_accepted_at is null
    or old.first_accepted_at is distinct from new.first_accepted_at)
  execute function learn_internal.date_solutions();

-- When a reply is edited, its updated_at says so. Counts and acceptance are no edits.
create or replace trigger replies_touch
  before update of content on learn.replies
  for each row
  when (old.content <> new.content)
  execute function learn_internal.touch_updated_at();

-- When replies are posted, accepted, moved or deleted: posting one is a fact of its author, and so is the first that
-- is accepted in a discussion of somebody else, once per discussion, whatever becomes of it later. The discussions
-- concerned count their replies, and are solved or not; those that are gone are passed over.
create or replace function learn_internal.replies_written()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  r          record;
  v_accepted bigint[];             -- for the first time
  v_steps    learn_internal.post_step[] := '{}'::learn_internal.post_step[];  -- replies that come and go
  v_facts    learn_internal.fact[] := '{}'::learn_internal.fact[];
begin
  if tg_op = 'INSERT' then
    for r in
      select n.* from new_rows n order by n.author_id, n.id
    loop
      perform from learn.user_stats s where s.user_id = r.author_id for no key update;
      v_facts := v_facts || (
        r.author_id, 'reply_posted', 'reply', r.id::text,
        jsonb_build_object('discussion_id', r.discussion_id), null, r.created_at)::learn_internal.fact;
      v_steps := v_steps || (r.discussion_id, r.id, 1)::learn_internal.post_step;
      if r.first_accepted_at is not null then
        v_accepted := v_accepted || r.id;
      end if;
    end loop;
  elsif tg_op = 'DELETE' then
    select array_agg((o.discussion_id, o.id, -1)::learn_internal.post_step) into v_steps from old_rows o;
  else
    -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
    select array_agg(c.id) filter (where c.was_new and not c.was_old) into v_accepted
    from (
      select w.id, bool_or(w.is_new and w.first_accepted_at is not null) as was_new,
        bool_or(not w.is_new and w.first_accepted_at is not null) as was_old
      from (
        select n.id, n.first_accepted_at, true as is_new from new_rows n
        union all
        select o.id, o.first_accepted_at, false from old_rows o
      ) w
      group by w.id
    ) c;
    -- where replies have come and gone, or only the solution has changed
    select array_agg((c.discussion_id, c.id, c.replies)::learn_internal.post_step) into v_steps
    from (
      select w.id, w.discussion_id, w.is_solution, sum(w.replies) as replies
      from (
        select n.id, n.discussion_id, n.is_solution, 1 as replies from new_rows n
        union all
        select o.id, o.discussion_id, o.is_solution, -1 from old_rows o
      ) w
      group by w.id, w.discussion_id, w.is_solution
      having sum(w.replies) <> 0
    ) c;
  end if;

  if v_accepted is not null then
    for r in
      select a.id, a.author_id, a.discussion_id, a.first_accepted_at
      from learn.replies a
      join learn.discussions d on d.id = a.discussion_id and d.author_id is distinct from a.author_id
      where a.id = any (v_accepted) and a.author_id is not null
      order by a.author_id, a.first_accepted_at, a.id
    loop
      perform from learn.user_stats s where s.user_id = r.author_id for no key update;
      insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
      values (r.author_id, 'solution_accepted', 'discussion', r.discussion_id::text)
      on conflict do nothing;
      continue when not found;
      v_facts := v_facts || (
        r.author_id, 'solution_accepted', 'reply', r.id::text,
        jsonb_build_object('discussion_id', r.discussion_id), null,
        r.first_accepted_at)::learn_internal.fact;
    end loop;
  end if;
  if cardinality(v_facts) > 0 then
    perform learn_internal.write_facts(v_facts);
  end if;

  for r in
    select s.discussion_id, sum(s.amount)::integer as replies
    from unnest(v_steps) s
    group by s.discussion_id
    order by s.discussion_id
  loop
    update learn.discussions d
    set reply_count = d.reply_count + r.replies, is_solved = exists (
      select from learn.replies a where a.discussion_id = r.discussion_id and a.is_solution)
    where d.id = r.discussion_id;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.replies_written() is
  'Statement trigger: replies become facts, solve their discussions, and count there.';

create or replace trigger replies_inserted
  after insert on learn.replies
  referencing new table as new_rows
  for each statement
  execute function learn_internal.replies_written();

create or replace trigger replies_updated
  after update on learn.replies
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.replies_written();

create or replace trigger replies_deleted
  after delete on learn.replies
  referencing old table as old_rows
  for each statement
  execute function learn_internal.replies_written();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.replies
  for each row
  when (learn_internal.is_off_time(
    greatest(new.created_at, new.updated_at, new.first_accepted_at),
    least(new.created_at, new.updated_at, new.first_accepted_at)))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'first_accepted_at');

create or replace trigger refuse_new_times
  before update of created_at, updated_at, first_accepted_at on learn.replies
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at)
    or new.updated_at is distinct from old.updated_at and learn_internal.is_off_time(new.updated_at, new.updated_at)
    or new.first_accepted_at is distinct from old.first_accepted_at and learn_internal.is_off_time(new.first_accepted_at, new.first_accepted_at))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'first_accepted_at');
