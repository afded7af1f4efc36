-- Takes a link between content away: a lesson out of a track, a prerequisite. Everything else is unpublished, because
-- deleting it would take learners' rows with it.
-- Errors: LX001; LX003 no such link, or no table of links; LX010 no table of links, or of what
-- is published where content needs a review.
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
  perform from learn_internal.turns t where t.name = 'content' for update;  -- what it is of is not published in between
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
  if learn_internal.setting_boolean('content_needs_review') then
    perform learn_internal.require_draft(p_table, p_content);
  end if;
  execute format('delete from learn.%1$I t using jsonb_populate_record(null::learn.%1$I, $1) n where %2$s',
    p_table, v_found.found_by) using v_found.content;
end;
$$;
comment on function learn.unlink_content(text, jsonb) is
  'Takes a link between content away, such as a lesson out of a track or a prerequisite.';
grant execute on function learn.unlink_content(text, jsonb) to learn_editor;
