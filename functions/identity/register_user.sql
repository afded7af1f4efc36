-- Makes a user. Signing up is a fact, so that a welcome badge is there when this returns.
-- Errors: LX001 blank or taken username, malformed or taken email, unknown time zone,
-- malformed locale.
create or replace function learn.register_user(
  p_username     text,
  p_email        text default null,
  p_timezone     text default 'UTC',
  p_locale       text default 'en',
  p_display_name text default null
)
returns uuid
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_user_id    uuid;
  v_constraint text;
  v_problem    text;
begin
  perform learn_internal.require_size('p_username', length(p_username), 100);
  perform learn_internal.require_size('p_email', length(p_email), 320);
  perform learn_internal.require_size('p_timezone', length(p_timezone), 100);
  perform learn_internal.require_size('p_locale', length(p_locale), 100);
  p_display_name := learn_internal.require_text('p_display_name', p_display_name, 200, true);
  p_username := normalize(p_username, nfc);
  v_problem := coalesce('username ' || learn_internal.text_problem(p_username, true),
    'email ' || learn_internal.text_problem(p_email, true),
    'locale ' || learn_internal.text_problem(p_locale, true));
  if v_problem is not null then
    raise exception 'the user cannot be registered'
      using errcode = 'LX001', detail = v_problem,
        hint = 'A username is one line of characters that can be seen, without blanks at its ends.';
  end if;
  perform learn_internal.hold_content();
  insert into learn.users (username, email, timezone, locale, display_name)
  values (p_username, p_email, coalesce(p_timezone, 'UTC'),
    coalesce(p_locale, 'en'), p_display_name)
  returning id into v_user_id;
  return v_user_id;
exception
  when unique_violation or check_violation or not_null_violation then
    get stacked diagnostics v_constraint = constraint_name;
    raise exception 'the user cannot be registered'
      using errcode = 'LX001',
        detail = format('%s: username = %s, email = %s, locale = %s',
          case v_constraint
            when 'users_username_is_unique' then 'username is taken'
            when 'users_username_has_no_twin' then 'username is taken, or one that looks the same'
            when 'users_email_is_unique' then 'email is taken'
            when 'users_email_has_no_twin' then 'email is taken'
            when '' then 'username is missing'
            else replace(v_constraint, '_', ' ') || ' does not hold'
          end, coalesce(p_username, 'null'), coalesce(p_email, 'null'), p_locale),
        hint = 'Usernames and emails are unique without regard to case; '
          'only the username is required.';
end;
$$;
comment on function learn.register_user(text, text, text, text, text) is
  'Makes a user and returns the id. Time zone: an IANA name; locale: a language tag.';
grant execute on function learn.register_user(text, text, text, text, text) to learn_app;
