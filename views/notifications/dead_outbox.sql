-- Messages that were given up after their last attempt, for somebody to look at.
create or replace view learn.dead_outbox as
select o.id, o.topic, o.key, o.payload, o.created_at, o.attempts, o.claimed_by, o.failed_at, o.error
from learn.outbox o
where o.failed_at is not null;
comment on view learn.dead_outbox is
  'Messages of the outbox that were given up; retry_outbox() lets them begin again.';
grant select on learn.dead_outbox to learn_app, learn_readonly;
