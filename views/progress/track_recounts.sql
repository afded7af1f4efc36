-- Progress in tracks recounted from what users have completed: what user_track_progress must say.
create or replace view learn_internal.track_recounts as
select c.user_id, i.track_id, count(*)::integer as items_completed,
  max(c.completed_at) as last_completed_at
from learn_internal.track_items i
join learn_internal.completed_items c on c.item_type = i.item_type and c.item_id = i.item_id
group by c.user_id, i.track_id;
comment on view learn_internal.track_recounts is 'Items completed per user and track, recounted.';
