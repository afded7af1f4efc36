-- Where content needs a review: content that has no draft of its own, such as a level of a challenge or a link, changes
-- with the draft that it belongs to, and what had been said of that one is void.
-- Errors: LX010 that is published, or there is none.
create or replace function learn_internal.require_draft(p_table text, p_content jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_of    jsonb := '{
    "challenge_levels": ["challenges", "challenge_id"], "challenge_prerequisites": ["challenges", "challenge_id"],
    "learning_path_tracks": ["learning_paths", "path_id"], "track_lessons": ["tracks", "track_id"],
    "track_prerequisites": ["tracks", "track_id"], "course_prerequisites": ["courses", "course_id"]}'::jsonb -> p_table;
  v_found record;
begin
  if v_of is not null then
    v_found := learn_internal.find_content(v_of ->> 0, jsonb_build_object('id', p_content -> (v_of ->> 1)));
    if v_found.content is not null and not (learn_internal.content_state(v_of ->> 0, v_found.content)).is_public then
      delete from learn.content_reviews r
      where r.table_name = v_of ->> 0 and r.content_id = (v_found.content ->> 'id')::bigint;
      return;
    end if;
  elsif learn_internal.content_tables() ->> p_table <> '' then
    return;
  end if;
  raise exception 'this would be published without a review'
    using errcode = 'LX010', detail = format('%s: %s', p_table, left(p_content::text, 200)),
      hint = coalesce(format('learn.unpublish_content() of its row of learn.%s first; that is submitted again then.', v_of ->> 0),
        'It has no draft: where content needs a review, only the owner writes it.');
end;
$$;
comment on function learn_internal.require_draft(text, jsonb) is
  'Where content needs a review: refuses to change what has no draft of its own and is published (LX010).';
