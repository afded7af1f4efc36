-- Whether learners see a row of content by now, and what of it counts as its text: that is what is approved.
create or replace function learn_internal.content_state(
  p_table text, p_row jsonb, out is_public boolean, out hash text
)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((p_row ->> (learn_internal.content_tables() ->> p_table))::boolean, false),
    encode(sha256(convert_to((
      p_row - learn_internal.kept_columns() - array['is_published', 'is_active', 'created_at'])::text, 'UTF8')), 'hex');
$$;
comment on function learn_internal.content_state(text, jsonb) is
  'Whether learners see a row of content, and a hash of what is approved of it.';
