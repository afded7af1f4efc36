-- A user's own certificates with what only the user is to see: the codes to verify them by.
-- Errors: LX002.
create or replace function learn.certificates(p_user_id uuid)
returns table (
  course_id bigint, certificate_number text, verify_code text, course_title text,
  completed_on date, issued_at timestamptz, is_valid boolean, revoked_reason text,
  token_id text, collection_id text, serial_number bigint, metadata_uri text,
  tx_id text, hashscan_url text
)
language plpgsql
stable
security definer                  -- verify_code is readable by no app role
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_self(p_user_id);
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  return query
  select c.course_id, c.certificate_number, c.verify_code, c.course_title,
    c.completed_on, c.issued_at, c.revoked_at is null, c.revoked_reason,
    c.token_id, c.collection_id, c.serial_number, c.metadata_uri, c.tx_id, t.hashscan_url
  from learn.nft_certificates c
  left join learn.transactions t on t.user_id = c.user_id and t.tx_id = c.tx_id
  where c.user_id = p_user_id
  order by c.id;
end;
$$;
comment on function learn.certificates(uuid) is
  'A user''s own certificates in order of issue, with the codes to verify them by: '
  'for the user''s eyes.';
grant execute on function learn.certificates(uuid) to learn_app, learn_user;

-- Issues the certificates of completed courses (parallel arrays: who, which course, when).
-- Whoever has one keeps it as it is. The caller has locked the users.
create or replace function learn_internal.issue_certificates(
  p_user_ids uuid[], p_course_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
begin
  if coalesce(cardinality(p_user_ids), 0) = 0 then
    return;
  end if;
  insert into learn.nft_certificates (user_id, course_id, course_title, completed_on)
  select d.user_id, d.course_id, c.title, (learn_internal.local_date(d.user_id, d.at)).local_date
  from (
    select p.user_id, p.course_id, min(p.at) as at
    from unnest(p_user_ids, p_course_ids, p_at) p(user_id, course_id, at)
    group by p.user_id, p.course_id
  ) d
  join learn.users u on u.id = d.user_id
  join learn.courses c on c.id = d.course_id
  where not exists (
    select from learn.nft_certificates e
    where e.user_id = d.user_id and e.course_id = d.course_id)
  order by d.user_id, d.at, d.course_id
  on conflict (user_id, course_id) do nothing;
end;
$$;
comment on function learn_internal.issue_certificates(uuid[], bigint[], timestamptz[]) is
  'Issues the certificates of completed courses: who, which course, when. Once each.';
