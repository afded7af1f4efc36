-- The first level of a challenge that is missing before one of these, which users have passed; null: none is.
-- Levels are passed in order. Of a challenge that has no levels here, all five count.
create or replace function learn_internal.missing_level(p_challenge_id bigint, p_levels integer[])
returns integer
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select min(n)
    from generate_series(1, (select max(x) - 1 from unnest(p_levels) x)) n
    where n <> all (p_levels)
      and (not exists (select from learn.challenge_levels l where l.challenge_id = p_challenge_id)
        or exists (
          select from learn.challenge_levels l
          where l.challenge_id = p_challenge_id and l.level_number = n)));
end;
$$;
comment on function learn_internal.missing_level(bigint, integer[]) is
  'The first level of a challenge that is missing before one of these; null: none is.';

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
