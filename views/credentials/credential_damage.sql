-- Where certificates and messages are missing: the part of check_integrity() about credentials.
create or replace view learn_internal.credential_damage (check_name, user_id, expected, actual) as
select 'completed_courses_have_certificates', p.user_id,
  format('a certificate for course %s', p.course_id), 'none'
from learn.user_course_progress p
where p.completed_at is not null and not exists (
  select from learn.nft_certificates c
  where c.user_id = p.user_id and c.course_id = p.course_id)
union all
select 'pending_faucet_requests_have_a_message', r.user_id,
  format('a message for request %s', r.id), 'none'
from learn.faucet_requests r
where r.status = 'pending' and not exists (
  select from learn.outbox o
  where o.topic = 'faucet' and o.key = r.user_id || ' ' || r.id);
comment on view learn_internal.credential_damage is
  'Where certificates and messages are missing; no row when all is well.';
