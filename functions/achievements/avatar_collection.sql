-- All avatars as one user sees them: which are the user's, since when, which is shown, and what
-- unlocks the others.
-- Errors: LX002 unknown user.
create or replace function learn.avatar_collection(p_user_id uuid)
returns table (
  avatar_id bigint, slug text, name text, description text, image_url text, rarity text,
  is_unlocked boolean, unlocked_at timestamptz, is_selected boolean, unlocked_by text[]
)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_selected bigint;
begin
  perform learn_internal.require_self(p_user_id);
  select u.selected_avatar_id into v_selected from learn.users u where u.id = p_user_id;
  if not found then
    perform learn_internal.require_user(p_user_id, false);
  end if;
  return query
  select a.id, a.slug, a.name, a.description, a.image_url, a.rarity,
    a.is_default or o.user_id is not null, o.unlocked_at, a.id is not distinct from v_selected,
    (
      select coalesce(array_agg(c.slug order by c.display_order, c.slug), '{}')
      from learn.achievements c
      where c.unlocks_avatar_id = a.id and c.is_active and not c.is_hidden
    )
  from learn.avatars a
  left join learn.user_avatars o on o.avatar_id = a.id and o.user_id = p_user_id
  order by a.display_order, a.slug;
end;
$$;
comment on function learn.avatar_collection(uuid) is
  'All avatars as one user sees them: unlocked or not, which is shown, and the slugs of the '
  'achievements that unlock each.';
grant execute on function learn.avatar_collection(uuid) to learn_app, learn_user, learn_readonly;
