-- Refuses a level of a challenge that does not exist, or whose challenge is not active.
-- Errors: LX003, LX004.
create or replace function learn_internal.require_challenge_level(
  p_challenge_id bigint, p_level_number integer
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_active boolean;
begin
  select c.is_active into v_is_active
  from learn.challenges c
  join learn.challenge_levels l on l.challenge_id = c.id and l.level_number = p_level_number
  where c.id = p_challenge_id;
  if not found then
    raise exception 'unknown level of a challenge'
      using errcode = 'LX003',
        detail = format('p_challenge_id = %s, p_level_number = %s',
          coalesce(p_challenge_id::text, 'null'), coalesce(p_level_number::text, 'null')),
        hint = 'Look it up in learn.challenge_levels.';
  end if;
  if not v_is_active then
    raise exception 'the challenge is not active'
      using errcode = 'LX004', detail = format('p_challenge_id = %s', p_challenge_id),
        hint = 'Activate it: learn.challenges.is_active.';
  end if;
end;
$$;
comment on function learn_internal.require_challenge_level(bigint, integer) is
  'Refuses an unknown level of a challenge (LX003), or one of an inactive challenge (LX004).';
