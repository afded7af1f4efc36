-- What happens when rows of learn.replies are written, in the order in which triggers fire.

-- Before replies are written or accepted: content and rules are held, because facts follow.
create or replace trigger replies_hold
  before insert or update of is_solution, first_accepted_at on learn.replies
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger replies_hold on learn.replies is 'Keeps content as it is.';

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
revoke all on function learn_internal.date_solutions() from public;

create or replace trigger date_solutions
  before insert on learn.replies
  for each row
  when (new.is_solution and new.first_accepted_at is null)
  execute function learn_internal.date_solutions();
comment on trigger date_solutions on learn.replies is 'Dates an accepted reply.';

create or replace trigger keep_solution_dates
  before update of is_solution, first_accepted_at on learn.replies
  for each row
  when (new.is_solution and new.first_accepted_at is null
    or old.first_accepted_at is distinct from new.first_accepted_at)
  execute function learn_internal.date_solutions();
comment on trigger keep_solution_dates on learn.replies is
  'An accepted reply has a date, and keeps it.';

-- When a reply is edited, its updated_at says so. Counts and acceptance are no edits.
create or replace trigger replies_touch
  before update of content on learn.replies
  for each row
  when (old.content <> new.content)
  execute function learn_internal.touch_updated_at();
comment on trigger replies_touch on learn.replies is 'Keeps updated_at.';

-- When replies are deleted, by hand or with their authors: they count no more.
create or replace function learn_internal.replies_deleted()
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
begin
  perform learn_internal.count_replies(array_agg(g.discussion_id), array_agg(g.replies))
  from (
    select o.discussion_id, -count(*)::integer as replies
    from old_rows o
    group by o.discussion_id
  ) g
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.replies_deleted() is
  'Statement trigger: deleted replies count no more.';
revoke all on function learn_internal.replies_deleted() from public;

create or replace trigger replies_deleted
  after delete on learn.replies
  referencing old table as old_rows
  for each statement
  execute function learn_internal.replies_deleted();
comment on trigger replies_deleted on learn.replies is 'Deleted replies count no more.';

-- When replies are posted: each is a fact of its author, and counts in its discussion.
create or replace function learn_internal.replies_inserted()
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
  v_facts    learn_internal.fact[];
  v_accepted bigint[];
begin
  select array_agg(
      (n.author_id, 'reply_posted', 'reply', n.id::text,
        jsonb_build_object('discussion_id', n.discussion_id), null,
        n.created_at)::learn_internal.fact
      order by n.author_id, n.id),
    array_agg(n.id) filter (where n.first_accepted_at is not null)
  into v_facts, v_accepted
  from new_rows n;
  if v_facts is null then
    return null;
  end if;
  perform from learn.user_stats s
  where s.user_id = any (array(select f.user_id from unnest(v_facts) f))
  order by s.user_id for no key update;
  perform learn_internal.write_facts(v_facts);
  if v_accepted is not null then
    perform learn_internal.write_solutions(v_accepted);
  end if;

  perform learn_internal.count_replies(array_agg(g.discussion_id), array_agg(g.replies))
  from (
    select n.discussion_id, count(*)::integer as replies from new_rows n group by n.discussion_id
  ) g;
  return null;
end;
$$;
comment on function learn_internal.replies_inserted() is
  'Statement trigger: new replies become facts and count in their discussions.';
revoke all on function learn_internal.replies_inserted() from public;

create or replace trigger replies_inserted
  after insert on learn.replies
  referencing new table as new_rows
  for each statement
  execute function learn_internal.replies_inserted();
comment on trigger replies_inserted on learn.replies is
  'New replies become facts and count in their discussions.';

-- When replies change: one that is accepted for the first time is a fact, and the discussions
-- concerned are solved or not. A reply that moves counts elsewhere.
create or replace function learn_internal.replies_updated()
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
  v_accepted       bigint[];
  v_discussion_ids bigint[];
  v_replies        integer[];
begin
  if not exists (select from new_rows) then
    return null;
  end if;
  -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
  select array_agg(c.id) into v_accepted
  from (
    select r.id
    from (
      select n.id, n.first_accepted_at, true as is_new from new_rows n
      union all
      select o.id, o.first_accepted_at, false from old_rows o
    ) r
    group by r.id
    having bool_or(r.is_new and r.first_accepted_at is not null)
      and bool_or(not r.is_new and r.first_accepted_at is null)
  ) c;
  if v_accepted is not null then
    perform learn_internal.write_solutions(v_accepted);
  end if;

  select array_agg(g.discussion_id), array_agg(g.replies) into v_discussion_ids, v_replies
  from (
    -- where replies have come and gone; with 0 where only the solution has changed
    select c.discussion_id, sum(c.replies)::integer as replies
    from (
      select r.id, r.discussion_id, r.is_solution, sum(r.replies) as replies
      from (
        select n.id, n.discussion_id, n.is_solution, 1 as replies from new_rows n
        union all
        select o.id, o.discussion_id, o.is_solution, -1 from old_rows o
      ) r
      group by r.id, r.discussion_id, r.is_solution
      having sum(r.replies) <> 0
    ) c
    group by c.discussion_id
  ) g;
  perform learn_internal.count_replies(v_discussion_ids, v_replies);
  return null;
end;
$$;
comment on function learn_internal.replies_updated() is
  'Statement trigger: accepted replies become facts and solve their discussions.';
revoke all on function learn_internal.replies_updated() from public;

create or replace trigger replies_updated
  after update on learn.replies
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.replies_updated();
comment on trigger replies_updated on learn.replies is
  'Accepted replies become facts and solve their discussions.';

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.replies
  for each row
  when (learn_internal.is_off_time(
    greatest(new.created_at, new.updated_at, new.first_accepted_at),
    least(new.created_at, new.updated_at, new.first_accepted_at)))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'first_accepted_at');
comment on trigger refuse_times on learn.replies is 'Refuses times out of bounds (LX001).';

create or replace trigger refuse_new_times
  before update of created_at, updated_at, first_accepted_at on learn.replies
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at)
    or new.updated_at is distinct from old.updated_at and learn_internal.is_off_time(new.updated_at, new.updated_at)
    or new.first_accepted_at is distinct from old.first_accepted_at and learn_internal.is_off_time(new.first_accepted_at, new.first_accepted_at))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'first_accepted_at');
comment on trigger refuse_new_times on learn.replies is 'Refuses times out of bounds (LX001).';
