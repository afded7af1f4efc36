-- Saves a row of content: a new one as a draft, which learners do not see until it is published, or what is named of one
-- that is there. Tables without drafts (links, levels of challenges, skills, avatars) have the effect at once.
-- Returns the row.
-- Errors: LX001 an unknown column, or a value that the table does not take; LX003 no table of content; LX010 a column
-- that is not an editor's to say, or what is published where content needs a review.
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
  v_is_reviewed boolean := learn_internal.setting_boolean('content_needs_review');
begin
  perform from learn_internal.turns t where t.name = 'content' for update;  -- what is looked at here is what is changed
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
  where k in ('is_published', 'is_active', 'created_at') or k = any (learn_internal.kept_columns());
  if v_problem is not null then
    raise exception 'an editor does not say this'
      using errcode = 'LX010', detail = v_problem,
        hint = 'What learners see is published by learn.publish_content(); the rest Laurel keeps itself.';
  elsif v_is_reviewed and (learn_internal.content_state(p_table, v_found.content)).is_public then
    raise exception 'published content is not changed without a review'
      using errcode = 'LX010', detail = format('%s: %s', p_table, left(p_content ->> 'slug', 200)),
        hint = 'learn.unpublish_content() first, or save it as another row and publish that.';
  elsif v_found.content is null and p_content ? 'id' then
    raise exception 'there is no such row'
      using errcode = 'LX003', detail = format('%s: id = %s', p_table, p_content ->> 'id'),
        hint = 'Leave id out to make a new row; the database numbers it.';
  end if;

  if v_is_reviewed then
    perform learn_internal.require_draft(p_table, p_content);
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
