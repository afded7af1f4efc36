-- Shows content to learners. Errors: see set_content_public().
create or replace function learn.publish_content(p_table text, p_content jsonb)
returns void
language plpgsql
volatile
security definer                  -- editors write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.set_content_public(p_table, p_content, true);
end;
$$;
comment on function learn.publish_content(text, jsonb) is
  'Shows content to learners; where the setting content_needs_review is on, only what was approved as it is (LX007).';
grant execute on function learn.publish_content(text, jsonb) to learn_editor;
