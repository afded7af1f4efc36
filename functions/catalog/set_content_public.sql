-- Shows a row of content to learners, or hides it from them. Where the setting content_needs_review is on, it has been
-- approved as it is.
-- Errors: LX003 no such content; LX007 it is not approved as it is; LX010 such content has no drafts.
create or replace function learn_internal.set_content_public(p_table text, p_content jsonb, p_is_public boolean)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found       record;
  v_state       record;
  v_flag        text := learn_internal.content_tables() ->> p_table;
  v_is_reviewed boolean := learn_internal.setting_boolean('content_needs_review');
begin
  perform from learn_internal.turns t where t.name = 'content' for update;  -- what was approved is what is published
  v_found := learn_internal.find_content(p_table, p_content);
  v_state := learn_internal.content_state(p_table, v_found.content);
  if v_flag = '' then
    raise exception 'such content has no drafts'
      using errcode = 'LX010', detail = format('p_table = %s', p_table), hint = 'It has the effect when it is saved.';
  elsif v_found.content is null then
    raise exception 'there is no such row'
      using errcode = 'LX003', detail = format('%s: %s', p_table, left(p_content::text, 200)),
        hint = 'Name it by slug, key or id.';
  elsif p_is_public and v_is_reviewed and not v_state.is_public and not exists (
      select from learn.content_reviews r
      where r.table_name = p_table and r.content_id = (v_found.content ->> 'id')::bigint and r.state = 'approved'
        and r.content_hash = v_state.hash)
  then
    raise exception 'it is not approved as it is'
      using errcode = 'LX007', detail = format('%s: %s', p_table, left(p_content::text, 200)),
        hint = case when v_found.content ? 'id'
          then 'learn.review_content(): submit it, and let somebody else approve it (setting content_needs_review).'
          else 'It has no id, so no review: where content needs one, only the owner publishes it.' end;
  end if;
  execute format('update learn.%1$I t set %2$I = $2 from jsonb_populate_record(null::learn.%1$I, $1) n'
    ' where %3$s and t.%2$I <> $2', p_table, v_flag, v_found.found_by) using v_found.content, p_is_public;
end;
$$;
comment on function learn_internal.set_content_public(text, jsonb, boolean) is
  'Shows a row of content to learners, or hides it.';
