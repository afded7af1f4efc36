-- The row of content that an editor means, as it is; null where there is none. By its primary key, by slug, or by id.
-- Errors: LX001 no object, or nothing to find it by; LX003 no table of content.
create or replace function learn_internal.find_content(p_table text, p_content jsonb, out content jsonb, out found_by text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys text[];
begin
  perform learn_internal.require_size('p_table', length(p_table), 63);
  perform learn_internal.require_size('p_content', pg_column_size(p_content), 2097152, 'bytes');
  if p_table is null or not learn_internal.content_tables() ? p_table then
    raise exception 'this is no table of content'
      using errcode = 'LX003', detail = format('p_table = %L', left(p_table, 100)),
        hint = 'One of ' || (select string_agg(k, ', ') from jsonb_object_keys(learn_internal.content_tables()) k) || '.';
  end if;
  if jsonb_typeof(p_content) is distinct from 'object' then
    raise exception 'content is a JSON object'
      using errcode = 'LX001', detail = format('p_content is %s', coalesce(jsonb_typeof(p_content), 'null')),
        hint = 'Such as {"slug": "joins", "title": "Joins"}: columns of the table with their values.';
  end if;
  v_keys := array(
    select a.attname from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
    where i.indrelid = ('learn.' || p_table)::regclass and i.indisprimary);
  if not p_content ?& v_keys and p_content ? 'slug' then
    v_keys := '{slug}';
  end if;
  if p_content ?& v_keys then
    found_by := (select string_agg(format('t.%1$I = n.%1$I', k), ' and ') from unnest(v_keys) k);
    execute format('select to_jsonb(t) from learn.%1$I t, jsonb_populate_record(null::learn.%1$I, $1) n where %2$s',
      p_table, found_by)
    into content using p_content;
  end if;
exception
  when data_exception then
    raise exception 'the key of the content is malformed'
      using errcode = 'LX001', detail = left(sqlerrm, 500), hint = 'Ids are numbers, slugs are texts.';
end;
$$;
comment on function learn_internal.find_content(text, jsonb) is
  'The row of content that an editor means: by its primary key, by slug, or by id.';

-- Whether learners see a row of content by now, and what of it counts as its text: that is what is approved.
create or replace function learn_internal.content_state(
  p_table text, p_row jsonb, out is_public boolean, out hash text
)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((p_row ->> (learn_internal.content_tables() ->> p_table))::boolean, false),
    encode(sha256(convert_to((p_row - array['is_published', 'is_active', 'created_at', 'updated_at', 'total_items', 'total_lessons',
      'total_levels', 'total_weight', 'is_available', 'criteria_changed_at'])::text, 'UTF8')), 'hex');
$$;
comment on function learn_internal.content_state(text, jsonb) is
  'Whether learners see a row of content, and a hash of what is approved of it.';

-- Saves a row of content: a new one as a draft, which learners do not see until it is published, or what is named of one
-- that is there. Tables without drafts (links, levels of challenges, skills, avatars) have the effect at once.
-- Returns the row.
-- Errors: LX001 an unknown column, or a value that the table does not take; LX003 no table of content; LX010 a column
-- that is not an editor's to say, or published content where content needs a review.
create or replace function learn.save_content(p_table text, p_content jsonb)
returns jsonb
language plpgsql
volatile
security definer                  -- editors write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_found   record;
  v_flag    text := learn_internal.content_tables() ->> p_table;
  v_problem text;
  v_columns text;
  v_row     jsonb;
begin
  v_found := learn_internal.find_content(p_table, p_content);
  select string_agg(quote_ident(e.key), ', ') filter (where a.attname is not null),
    min(e.key) filter (where a.attname is null)
  into v_columns, v_problem
  from jsonb_object_keys(p_content) e(key)
  left join pg_attribute a on a.attrelid = ('learn.' || p_table)::regclass and a.attname = e.key and a.attnum > 0
    and not a.attisdropped and a.attgenerated = ''
  where e.key <> 'id';
  if v_problem is not null or v_columns is null then
    raise exception 'there is no such column'
      using errcode = 'LX001', detail = format('%s: %s', p_table, coalesce(left(v_problem, 100), 'none is given')),
        hint = 'docs/reference.md lists the columns of each table.';
  end if;
  select min(k) into v_problem
  from jsonb_object_keys(p_content) k
  where k in ('is_published', 'is_active', 'created_at', 'updated_at', 'total_items', 'total_lessons', 'total_levels',
    'total_weight', 'is_available', 'criteria_changed_at');
  if v_problem is not null then
    raise exception 'an editor does not say this'
      using errcode = 'LX010', detail = v_problem,
        hint = 'What learners see is published by learn.publish_content(); the rest Laurel keeps itself.';
  elsif (learn_internal.content_state(p_table, v_found.content)).is_public
    and learn_internal.setting_boolean('content_needs_review')
  then
    raise exception 'published content is not changed without a review'
      using errcode = 'LX010', detail = format('%s: %s', p_table, left(p_content ->> 'slug', 200)),
        hint = 'learn.unpublish_content() first, or save it as another row and publish that.';
  elsif v_found.content is null and p_content ? 'id' then
    raise exception 'there is no such row'
      using errcode = 'LX003', detail = format('%s: id = %s', p_table, p_content ->> 'id'),
        hint = 'Leave id out to make a new row; the database numbers it.';
  end if;

  begin
    if v_found.content is null then
      execute format('insert into learn.%1$I as t (%2$s%3$s) select %2$s%4$s'
          ' from jsonb_populate_record(null::learn.%1$I, $1) returning to_jsonb(t)', p_table, v_columns,
        case when v_flag <> '' then ', ' || v_flag end, case when v_flag <> '' then ', false' end)
      into v_row using p_content;
    else
      execute format('update learn.%1$I t set (%2$s) = row(%3$s)'
          ' from jsonb_populate_record(null::learn.%1$I, $1) n where %4$s returning to_jsonb(t)', p_table, v_columns,
        (select string_agg('n.' || c, ', ') from unnest(string_to_array(v_columns, ', ')) c), v_found.found_by)
      into v_row using p_content;
    end if;
  exception
    when integrity_constraint_violation or data_exception then
      raise exception 'the content cannot be saved so'
        using errcode = 'LX001', detail = left(sqlerrm, 500),
          hint = 'What each column may be, the constraints of the table say: docs/reference.md.';
  end;
  return v_row;
end;
$$;
comment on function learn.save_content(text, jsonb) is
  'Saves a row of content: a new one as a draft, or what is named of one that is there. Returns the row.';
grant execute on function learn.save_content(text, jsonb) to learn_editor;

-- Takes a link between content away: a lesson out of a track, a prerequisite. Everything else is unpublished, because
-- deleting it would take learners' rows with it.
-- Errors: LX001; LX003 no such link, or no table of links; LX010 no table of links.
create or replace function learn.unlink_content(p_table text, p_content jsonb)
returns void
language plpgsql
volatile
security definer                  -- editors write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_found record;
begin
  v_found := learn_internal.find_content(p_table, p_content);
  if p_table not in ('learning_path_tracks', 'track_lessons', 'track_prerequisites', 'course_prerequisites',
    'challenge_prerequisites', 'skill_prerequisites')
  then
    raise exception 'content is not deleted'
      using errcode = 'LX010', detail = format('p_table = %s', p_table),
        hint = 'Unpublish it: learn.unpublish_content(). What learners did with it would go with it; that is the owner''s to do.';
  elsif v_found.content is null then
    raise exception 'there is no such row'
      using errcode = 'LX003', detail = format('%s: %s', p_table, left(p_content::text, 200)),
        hint = 'Name both of what is linked.';
  end if;
  execute format('delete from learn.%1$I t using jsonb_populate_record(null::learn.%1$I, $1) n where %2$s',
    p_table, v_found.found_by) using p_content;
end;
$$;
comment on function learn.unlink_content(text, jsonb) is
  'Takes a link between content away, such as a lesson out of a track or a prerequisite.';
grant execute on function learn.unlink_content(text, jsonb) to learn_editor;

-- Who is at the other end: as the session says, else the login role.
-- Errors: LX001 the setting has characters that nobody sees, or too many.
create or replace function learn_internal.content_reviewer()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return learn_internal.require_text('learn.acting_user',
    coalesce(nullif(current_setting('learn.acting_user', true), ''), session_user::text), 200, true);
end;
$$;
comment on function learn_internal.content_reviewer() is 'Who submits or reviews: the setting learn.acting_user, else the login role.';

-- A draft goes from its editor to somebody else and back: submitted, then approved, or returned with a note. What is
-- approved is the row as it is: once it is changed, it is submitted again.
-- p_step: submit, approve or return.
-- Errors: LX001 unknown step; LX003 no such content; LX007 it was not submitted as it is; LX010 nobody reviews what they
-- have submitted themselves, or such content has no drafts.
create or replace function learn.review_content(p_table text, p_content jsonb, p_step text, p_note text default null)
returns void
language plpgsql
volatile
security definer                  -- editors write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_found  record := learn_internal.find_content(p_table, p_content);
  v_state  record;
  v_review learn.content_reviews;
begin
  perform learn_internal.require_size('p_step', length(p_step), 20);
  p_note := learn_internal.require_text('p_note', p_note, 2000);
  if p_step is null or p_step not in ('submit', 'approve', 'return') then
    raise exception 'a draft is submitted, approved or returned'
      using errcode = 'LX001', detail = format('p_step = %L', left(p_step, 50)), hint = 'Pass submit, approve or return.';
  elsif v_found.content is null then
    raise exception 'there is no such row'
      using errcode = 'LX003', detail = format('%s: %s', p_table, left(p_content::text, 200)),
        hint = 'Name it by slug or id.';
  elsif not v_found.content ? 'id' then
    raise exception 'such content has no drafts'
      using errcode = 'LX010', detail = format('p_table = %s', p_table), hint = 'It has the effect when it is saved.';
  end if;
  v_state := learn_internal.content_state(p_table, v_found.content);
  if p_step = 'submit' then
    insert into learn.content_reviews as r (table_name, content_id, state, content_hash, note, submitted_by)
    values (p_table, (v_found.content ->> 'id')::bigint, 'submitted', v_state.hash, p_note, learn_internal.content_reviewer())
    on conflict (table_name, content_id) do update
      set state = excluded.state, content_hash = excluded.content_hash, note = excluded.note,
        submitted_by = excluded.submitted_by, submitted_at = excluded.submitted_at, reviewed_by = null,
        reviewed_at = null;
    return;
  end if;
  select r.* into v_review
  from learn.content_reviews r
  where r.table_name = p_table and r.content_id = (v_found.content ->> 'id')::bigint
  for update;
  if v_review.state is distinct from 'submitted' or v_review.content_hash <> v_state.hash then
    raise exception 'it was not submitted as it is'
      using errcode = 'LX007', detail = format('%s %s: %s', p_table, v_found.content ->> 'id',
          case when v_review.state is null then 'never submitted' when v_review.state <> 'submitted' then v_review.state
            else 'changed since' end),
        hint = 'Submit it first, or again: learn.review_content(…, ''submit'').';
  elsif v_review.submitted_by = learn_internal.content_reviewer() then
    raise exception 'nobody reviews what they have submitted themselves'
      using errcode = 'LX010', detail = format('submitted by %s', v_review.submitted_by),
        hint = 'Let somebody else review it. Who one is says the login role, or the setting learn.acting_user.';
  end if;
  update learn.content_reviews r
  set state = case p_step when 'approve' then 'approved' else 'returned' end, note = p_note,
    reviewed_by = learn_internal.content_reviewer(), reviewed_at = learn.clock()
  where r.table_name = p_table and r.content_id = v_review.content_id;
end;
$$;
comment on function learn.review_content(text, jsonb, text, text) is
  'A draft is submitted, approved by somebody else, or returned with a note (p_step: submit, approve, return).';
grant execute on function learn.review_content(text, jsonb, text, text) to learn_editor;
