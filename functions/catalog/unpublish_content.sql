-- Hides content from learners; what they did with it stays. Errors: see set_content_public().
create or replace function learn.unpublish_content(p_table text, p_content jsonb)
returns void
language plpgsql
volatile
security definer                  -- editors write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.set_content_public(p_table, p_content, false);
end;
$$;
comment on function learn.unpublish_content(text, jsonb) is 'Hides content from learners; what they did with it stays.';
grant execute on function learn.unpublish_content(text, jsonb) to learn_editor;
