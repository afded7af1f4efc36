-- Changes what a user may say of themselves: a JSON object with the columns of learn.users to change, the
-- others stay. Texts may be null where the column may, locale to show_on_leaderboard not; preferences are
-- replaced as a whole. A new email is not verified. Wallets are linked by link_wallet(); null unlinks.
-- Errors: LX001 an unknown field, a value of another type, malformed, taken or too large; LX002;
-- LX004 user inactive; LX010 a field that is not the user's to say; LX013.
create or replace function learn.update_profile(
  p_user_id         uuid,
  p_profile         jsonb,
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
  v_call       learn_internal.call := learn_internal.begin_call(
    'update_profile', p_user_id, jsonb_build_object('profile', p_profile),
    p_occurred_at, p_idempotency_key);
  v_constraint text;
  v_message    text;
  v_problem    text;
  v_old        learn.users;
  v_new        learn.users;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_profile', pg_column_size(p_profile), 131072, 'bytes');
  if jsonb_typeof(p_profile) is distinct from 'object' then
    raise exception 'a profile is a JSON object'
      using errcode = 'LX001',
        detail = format('p_profile is %s', coalesce(jsonb_typeof(p_profile), 'null')),
        hint = 'Such as {"bio": "I like joins.", "locale": "fil"}.';
  end if;
  select e.key into v_problem
  from jsonb_each(p_profile) e
  where e.key in ('id', 'zone_number', 'zone_since', 'role', 'is_active', 'is_verified', 'selected_avatar_id', 'last_login_at',
      'last_active_at', 'created_at', 'updated_at')
    or e.key = 'evm_address' and jsonb_typeof(e.value) <> 'null'
  order by e.key
  limit 1;
  if found then
    raise exception 'a user does not say this of themselves'
      using errcode = 'LX010', detail = v_problem,
        hint = 'An address is linked by learn.link_wallet(), verified by learn.verify_email(); an avatar is '
          'chosen by learn.select_avatar(); roles and states are the owner''s.';
  end if;
  select format('%s is %s', left(e.key, 50), case when k.field is null then 'no field of a profile'
      else jsonb_typeof(e.value) || ', not ' || k.type end)
  into v_problem
  from jsonb_each(p_profile) e
  left join (values
    ('username', 'string', false), ('email', 'string', true), ('display_name', 'string', true),
    ('avatar_url', 'string', true), ('avatar_emoji', 'string', true), ('bio', 'string', true),
    ('locale', 'string', false), ('timezone', 'string', false), ('day_starts_at', 'string', false),
    ('skill_level', 'string', false),
    ('evm_address', 'null', true), ('hedera_account_id', 'string', true),
    ('preferences', 'object', false), ('onboarding_completed', 'boolean', false),
    ('show_on_leaderboard', 'boolean', false)
  ) k(field, type, is_nullable) on k.field = e.key
  where k.field is null
    or jsonb_typeof(e.value) <> k.type and not (k.is_nullable and jsonb_typeof(e.value) = 'null')
  order by e.key
  limit 1;
  if found then
    raise exception 'the profile makes no sense'
      using errcode = 'LX001', detail = v_problem,
        hint = 'The fields are username, email, display_name, avatar_url, avatar_emoji, bio, locale, timezone, '
          'day_starts_at, skill_level, hedera_account_id, preferences, onboarding_completed, show_on_leaderboard.';
  end if;

  select u.* into v_old from learn.users u where u.id = p_user_id;
  begin
    v_new := jsonb_populate_record(v_old, p_profile || (
      select coalesce(jsonb_object_agg(e.key, case e.key
        when 'username' then normalize(e.value, nfc)
        when 'display_name' then learn_internal.trim_text(e.value)
        else learn_internal.tidy_text(e.value) end), '{}')
      from jsonb_each_text(p_profile) e
      where e.key in ('username', 'display_name', 'bio')));
    update learn.users u
    set username = v_new.username, email = v_new.email, display_name = v_new.display_name,
      avatar_url = v_new.avatar_url, avatar_emoji = v_new.avatar_emoji, bio = v_new.bio,
      locale = v_new.locale, timezone = v_new.timezone, day_starts_at = v_new.day_starts_at,
      skill_level = v_new.skill_level,
      evm_address = v_new.evm_address, hedera_account_id = v_new.hedera_account_id,
      preferences = v_new.preferences, onboarding_completed = v_new.onboarding_completed,
      show_on_leaderboard = v_new.show_on_leaderboard,
      is_verified = u.is_verified and lower(v_new.email) is not distinct from lower(u.email)
    where u.id = p_user_id and to_jsonb(v_new) is distinct from to_jsonb(v_old);
    v_call.today := null;  -- it may be another one now
  exception
    when unique_violation or check_violation or invalid_datetime_format or datetime_field_overflow then
      get stacked diagnostics v_constraint = constraint_name, v_message = message_text;
      raise exception 'the profile cannot be changed so'
        using errcode = 'LX001',
          detail = case v_constraint
            when 'users_username_is_unique' then 'username is taken'
            when 'users_username_has_no_twin' then 'username is taken, or one that looks the same'
            when 'users_email_is_unique' then 'email is taken'
            when 'users_email_has_no_twin' then 'email is taken'
            when 'users_hedera_account_id_is_unique' then 'hedera_account_id is taken'
            when '' then left(v_message, 500)
            else coalesce(
              'username ' || learn_internal.text_problem(p_profile ->> 'username', true),
              'email ' || learn_internal.text_problem(p_profile ->> 'email', true),
              'display_name ' || learn_internal.text_problem(learn_internal.trim_text(p_profile ->> 'display_name'), true),
              'avatar_url ' || learn_internal.text_problem(p_profile ->> 'avatar_url', true),
              'avatar_emoji ' || learn_internal.text_problem(p_profile ->> 'avatar_emoji', true),
              replace(v_constraint, '_', ' ') || ' does not hold')
          end,
          hint = 'Names, emails and accounts are unique without regard to case; what each field may be, '
            'the domains of the columns of learn.users say.';
  end;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.update_profile(uuid, jsonb, timestamptz, text) is
  'Changes the fields of a user''s profile that the object has: {"bio": "…", "timezone": "Asia/Manila", '
  '"onboarding_completed": true}. A new email is not verified; {"evm_address": null} unlinks the wallet.';
grant execute on function learn.update_profile(uuid, jsonb, timestamptz, text) to learn_app, learn_user;
