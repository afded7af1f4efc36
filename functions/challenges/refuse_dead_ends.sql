-- When challenges or tracks get prerequisites, or challenges a track: nothing may wait for itself by way of both.
-- A challenge waits for its prerequisites and for all challenges of the tracks that its track asks for.
-- (Cycles of one kind alone, refuse_cycle() has refused before.) What waits for nothing that is left is taken
-- away, again and again: what remains, nobody could ever begin.
-- Errors: LX012.
create or replace function learn_internal.refuse_dead_ends()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_left  bigint[];
  v_next  bigint[];
  v_node  bigint;
  v_path  bigint[];
begin
  if not exists (select from learn.track_prerequisites) then
    return null;
  end if;
  v_left := array(
    select c.id from learn.challenges c
    where exists (select from learn.challenge_prerequisites e where e.challenge_id = c.id)
      or exists (select from learn.track_prerequisites e where e.track_id = c.track_id));
  loop
    v_next := array(
      select c.id
      from learn.challenges c
      where c.id = any (v_left) and (
        exists (
          select from learn.challenge_prerequisites e
          where e.challenge_id = c.id and e.prerequisite_challenge_id = any (v_left))
        or exists (
          select from learn.track_prerequisites e
          join learn.challenges r on r.track_id = e.prerequisite_track_id
          where e.track_id = c.track_id and r.id = any (v_left))));
    if cardinality(v_next) = 0 then
      return null;
    end if;
    exit when cardinality(v_next) = cardinality(v_left);
    v_left := v_next;
  end loop;

  -- Go from one of them to one that it waits for, until one comes again.
  v_node := v_left[1];
  loop
    v_path := v_path || v_node;
    select w.id into v_node
    from (
      select e.prerequisite_challenge_id as id
      from learn.challenge_prerequisites e
      where e.challenge_id = v_node
      union all
      select r.id
      from learn.challenges c
      join learn.track_prerequisites e on e.track_id = c.track_id
      join learn.challenges r on r.track_id = e.prerequisite_track_id
      where c.id = v_node
    ) w
    where w.id = any (v_left)
    limit 1;
    exit when v_node = any (v_path);
  end loop;
  raise exception 'challenges would wait for each other'
    using errcode = 'LX012',
      detail = (
        select string_agg(c.slug, ' → ' order by p.place)
        from unnest(v_path[array_position(v_path, v_node):] || v_node) with ordinality p(id, place)
        join learn.challenges c on c.id = p.id),
      hint = 'A challenge waits for its prerequisites, and for the tracks that its track asks for. Remove one of these.';
end;
$$;
comment on function learn_internal.refuse_dead_ends() is
  'Statement trigger: refuses challenges that would wait for each other by prerequisites of their own and of '
  'their tracks (LX012).';
