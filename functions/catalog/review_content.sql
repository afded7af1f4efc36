-- A draft goes from its editor to somebody else and back: submitted, then approved, or returned with a note. What is
-- approved is the row as it is: once it is changed, it is submitted again.
-- p_step: submit, approve or return.
-- Errors: LX001 unknown step; LX003 no such content; LX007 it was not submitted as it is; LX010 nobody reviews what they
-- have submitted themselves, or such content is not reviewed.
create or replace function learn.review_content(p_table text, p_content jsonb, p_step text, p_note text default null)
returns void
language plpgsql
volatile
security definer                  -- editors write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_found  record;
  v_state  record;
  v_review learn.content_reviews;
begin
  -- Levels and links are no part of the hash: who changes them waits, and an older snapshot of theirs fails (40001).
  update learn_internal.turns t set name = t.name where t.name = 'content';
  v_found := learn_internal.find_content(p_table, p_content);
  perform learn_internal.require_size('p_step', length(p_step), 20);
  p_note := learn_internal.require_text('p_note', p_note, 2000);
  if p_step is null or p_step not in ('submit', 'approve', 'return') then
    raise exception 'a draft is submitted, approved or returned'
      using errcode = 'LX001', detail = format('p_step = %L', left(p_step, 50)), hint = 'Pass submit, approve or return.';
  elsif v_found.content is null then
    raise exception 'there is no such row'
      using errcode = 'LX003', detail = format('%s: %s', p_table, left(p_content::text, 200)),
        hint = 'Name it by slug or id.';
  elsif learn_internal.content_tables() ->> p_table = '' or not v_found.content ? 'id' then
    raise exception 'such content is not reviewed'
      using errcode = 'LX010', detail = format('p_table = %s', p_table),
        hint = 'It has the effect when it is saved; exam types and notification rules, when they are published.';
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
