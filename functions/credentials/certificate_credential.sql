-- A certificate as an Open Badge, for whoever holds its code. Null for an unknown code
-- and for a certificate that was revoked.
-- Errors: LX003 a setting of the issuer is missing or empty.
create or replace function learn.certificate_credential(p_code text)
returns jsonb
language plpgsql
stable
security definer                  -- the code is readable by no app role
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_number      text;
  v_certificate learn.nft_certificates;
  v_course      learn.courses;
  v_url         text := rtrim(learn_internal.setting_string('credential_url'), '/');
  v_id          text;
begin
  select v.certificate_number into v_number
  from learn.verify_certificate(p_code) v
  where v.is_valid;
  if not found then
    return null;
  end if;
  select c.* into v_certificate
  from learn.nft_certificates c where c.certificate_number = v_number;
  select c.* into v_course from learn.courses c where c.id = v_certificate.course_id;
  v_id := v_url || '/certificates/' || v_certificate.verify_code;
  return learn_internal.open_badge(
    v_id, v_certificate.issued_at, learn_internal.public_name(v_certificate.user_id),
    jsonb_strip_nulls(jsonb_build_object(
      'id', coalesce(v_url || '/courses/' || v_course.slug, v_id || '#achievement'),
      'type', jsonb_build_array('Achievement'),
      'achievementType', 'Course',
      'name', v_certificate.course_title,
      'description', coalesce(nullif(v_course.description, ''), v_certificate.course_title),
      'criteria', jsonb_build_object(
        'narrative', format('Completed the course “%s”.', v_certificate.course_title)),
      'image', case when v_course.icon_url ~ E'^https?://\\S+$' then
        jsonb_build_object('id', v_course.icon_url, 'type', 'Image') end)));
end;
$$;
comment on function learn.certificate_credential(text) is
  'A certificate as an unsigned credential of Open Badges 3.0, for whoever holds its code; '
  'null for an unknown code or a revoked certificate.';
grant execute on function learn.certificate_credential(text) to learn_app, learn_user, learn_readonly;
