-- An AchievementCredential of Open Badges 3.0 (in the data model of W3C Verifiable
-- Credentials 2.0), unsigned: whoever holds the issuer's key adds the proof.
-- Errors: LX003 a setting of the issuer is missing or empty.
create or replace function learn_internal.open_badge(
  p_id          text,
  p_valid_from  timestamptz,
  p_recipient   text,
  p_achievement jsonb
)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := learn_internal.setting_string('issuer_name');
  v_url  text := learn_internal.setting_string('issuer_url');
begin
  if v_name !~ E'\\S' or v_url !~ E'^[a-z][a-z0-9+.-]*:\\S+$'
    or p_id !~ E'^[a-z][a-z0-9+.-]*:\\S+$'
  then
    raise exception 'nobody issues credentials yet'
      using errcode = 'LX003',
        detail = format('issuer_name = %L, issuer_url = %L, credential_url = %L',
          v_name, v_url, learn_internal.setting_string('credential_url')),
        hint = 'Set all three in learn.platform_settings; the last two are URLs.';
  end if;
  return jsonb_build_object(
    '@context', jsonb_build_array(
      'https://www.w3.org/ns/credentials/v2',
      'https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json'),
    'id', p_id,
    'type', jsonb_build_array('VerifiableCredential', 'OpenBadgeCredential'),
    'name', p_achievement ->> 'name',
    'issuer', jsonb_build_object('id', v_url, 'type', jsonb_build_array('Profile'), 'name', v_name),
    'validFrom', to_char(p_valid_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'credentialSubject', jsonb_build_object(
      'id', p_id || '#recipient',
      'type', jsonb_build_array('AchievementSubject'),
      'achievement', p_achievement)
      || case when p_recipient is null then '{}' else jsonb_build_object(
        'identifier', jsonb_build_array(jsonb_build_object(
          'type', 'IdentityObject', 'identityType', 'name',
          'hashed', false, 'identityHash', p_recipient))) end);
end;
$$;
comment on function learn_internal.open_badge(text, timestamptz, text, jsonb) is
  'An unsigned AchievementCredential of Open Badges 3.0.';
