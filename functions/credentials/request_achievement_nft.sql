-- Asks for an NFT of an achievement that a user has earned: a message nft_mint in the outbox, as for
-- certificates. The worker mints it, and answers by achievement_minted(). Asking again changes nothing.
-- Errors: LX001; LX002; LX003 unknown achievement, or the setting is missing; LX004 user inactive;
-- LX007 the user has not earned it; LX010 no NFTs are minted here; LX013.
create or replace function learn.request_achievement_nft(
  p_user_id         uuid,
  p_slug            text,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call   learn_internal.call := learn_internal.begin_call(
    'request_achievement_nft', p_user_id, jsonb_build_object('slug', p_slug),
    p_occurred_at, p_idempotency_key);
  v_id     bigint;
  v_earned record;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  v_id := (learn_internal.require_achievement(p_slug, false)).id;
  select e.id, e.achievement_id, e.token_id into v_earned
  from learn.user_achievements e
  where e.user_id = p_user_id and e.achievement_id = v_id;
  if not found then
    raise exception 'the user has not earned the achievement'
      using errcode = 'LX007', detail = format('p_user_id = %s, p_slug = %s', p_user_id, p_slug),
        hint = 'What it takes: learn.achievement_progress().';
  end if;
  if not learn_internal.setting_boolean('nft_minting_enabled') then
    raise exception 'no NFTs are minted here'
      using errcode = 'LX010', detail = 'nft_minting_enabled = false',
        hint = 'The setting is in learn.platform_settings.';
  end if;
  if v_earned.token_id is null then
    insert into learn.outbox (topic, key, payload)
    values ('nft_mint', format('achievement %s %s', p_user_id, v_earned.id), jsonb_build_object(
      'user_id', p_user_id, 'achievement_id', v_earned.achievement_id, 'achievement', p_slug))
    on conflict (topic, key) do nothing;
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.request_achievement_nft(uuid, text, timestamptz, text) is
  'Asks for an NFT of an achievement that a user has earned (else LX007): a message nft_mint in the outbox.';
grant execute on function learn.request_achievement_nft(uuid, text, timestamptz, text) to learn_app, learn_user;
