-- Edits a discussion. What is null stays as it is.
-- Errors: LX001 texts or tags are malformed; LX002; LX003 unknown discussion; LX004 user inactive;
-- LX010 neither author nor moderator.
create or replace function learn.edit_discussion(
  p_user_id       uuid,
  p_discussion_id bigint,
  p_title         text default null,
  p_content       text default null,
  p_category      text default null,
  p_tags          text[] default null
)
returns void
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_discussion learn.discussions;
begin
  perform learn_internal.begin_call('edit_discussion', p_user_id, '{}', null, null);
  perform learn_internal.require_author(p_user_id, (learn_internal.lock_post(p_discussion_id)).author_id);
  select * into v_discussion from learn.discussions d where d.id = p_discussion_id;
  v_discussion.title := coalesce(p_title, v_discussion.title);
  v_discussion.content := coalesce(p_content, v_discussion.content);
  v_discussion.category := coalesce(p_category, v_discussion.category);
  if p_tags is not null then
    perform learn_internal.require_size('p_tags', cardinality(p_tags), 100, 'elements');
    perform learn_internal.require_size('p_tags', length(p_tags::text), 10000);
    v_discussion.tags := learn_internal.normalize_tags(p_tags);
  end if;
  v_discussion := learn_internal.require_discussion_texts(v_discussion);

  update learn.discussions d
  set title = v_discussion.title, content = v_discussion.content,
    category = v_discussion.category, tags = v_discussion.tags, updated_at = learn.clock()
  where d.id = p_discussion_id and (d.title, d.content, d.category, d.tags) is distinct from
    (v_discussion.title, v_discussion.content, v_discussion.category, v_discussion.tags);
end;
$$;
comment on function learn.edit_discussion(uuid, bigint, text, text, text, text[]) is
  'Edits a discussion, for its author or a moderator. What is null stays as it is.';
grant execute on function learn.edit_discussion(uuid, bigint, text, text, text, text[])
  to learn_app, learn_user;
