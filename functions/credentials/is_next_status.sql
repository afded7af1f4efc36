-- Whether a transaction or a request to the faucet may go from one status to another.
-- Forward only: submitted before it is confirmed or completed, so that what is under way is always
-- known; pending ones may fail without having been submitted.
create or replace function learn_internal.is_next_status(p_from text, p_to text)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select (p_from, p_to) in (
    ('pending', 'submitted'), ('pending', 'failed'),
    ('submitted', 'confirmed'), ('submitted', 'completed'), ('submitted', 'failed'));
$$;
comment on function learn_internal.is_next_status(text, text) is
  'Whether a transaction or a request to the faucet may go from one status to another.';
