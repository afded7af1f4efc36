-- The rules of Laurel that are rows, as one JSON object, for `dbtool docs`.
select json_build_object(
  'achievements', (select coalesce(json_agg(json_build_object(
      'system', a.system, 'icon', a.icon, 'slug', a.slug, 'name', a.name, 'description', a.description,
      'rarity', a.rarity, 'xp_reward', a.xp_reward, 'criteria', a.criteria, 'is_active', a.is_active)
      order by a.system, a.display_order, a.slug), '[]') from learn.achievements a),
  'avatars', (select coalesce(json_agg(json_build_object(
      'slug', v.slug, 'name', v.name, 'description', v.description, 'rarity', v.rarity, 'image_url', v.image_url,
      'is_default', v.is_default, 'unlocked_by', (
        select json_agg(json_build_array(a.slug, a.name) order by a.slug)
        from learn.achievements a where a.unlocks_avatar_id = v.id)) order by v.display_order, v.slug), '[]')
    from learn.avatars v),
  'xp', (select coalesce(json_agg(json_build_object(
      'activity_type', t.key, 'description', t.description, 'amount', r.amount, 'daily_cap', r.daily_cap,
      'is_qualifying', t.is_qualifying, 'happens_once', t.happens_once)
      order by r.amount desc nulls last, t.key), '[]')
    from learn.activity_types t left join learn.xp_rules r on r.activity_type = t.key),
  'metrics', (select coalesce(json_agg(json_build_object(
      'key', m.key, 'of', m.activity_type, 'aggregate', m.aggregate, 'property', m.property,
      'filter', nullif(m.filter, '{}'), 'description', m.description) order by m.key), '[]') from learn.metrics m),
  'levels', (select coalesce(json_agg(json_build_array(l.level, l.min_xp) order by l.level), '[]')
    from learn.level_thresholds l where l.level <= 30),
  'notices', (select coalesce(json_agg(json_build_object(
      'activity_type', n.activity_type, 'title', n.title, 'message', n.message, 'action_url', n.action_url)
      order by n.activity_type, n.type), '[]') from learn.notification_rules n where n.is_active),
  'settings', (select coalesce(json_agg(json_build_object(
      'key', s.key, 'value', s.value, 'description', s.description) order by s.key), '[]')
    from learn.platform_settings s)
)
