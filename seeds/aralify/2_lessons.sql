-- The lessons of Aralify: three tiers for each level, of which a learner may choose. Texts are
-- in English and Filipino. Who takes longer than the time limit tries again. The XP of a tier is multiplied
-- by its difficulty: 20, 40, 60.
select learn_internal.use_product('aralify');

with tiers(difficulty, number, xp_reward, time_limit_seconds, estimated_minutes) as (values
  ('easy', 1, 20, 300, 5), ('medium', 2, 20, 600, 10), ('hard', 3, 20, 1200, 20)
), python(level, difficulty, title, title_fil, body, body_fil, code, task, task_fil) as (values
  ('variables', 'easy', 'A name for a value', 'Pangalan para sa isang halaga',
    'A variable is a name for a value. The sign = gives the name.',
    'Ang variable ay pangalan ng isang halaga. Ang tandang = ang nagbibigay ng pangalan.',
    'city = "Manila"
print(city)',
    'Make a variable called name with your name in it, and print it.',
    'Gumawa ng variable na name na may pangalan mo, at i-print ito.'),
  ('variables', 'medium', 'Numbers and texts', 'Mga numero at teksto',
    'Numbers can be added, texts joined. int() makes a number of a text, str() a text of a number.',
    'Naidaragdag ang mga numero, napagdurugtong ang mga teksto. Ginagawang numero ng int() ang '
    'teksto, at ginagawang teksto ng str() ang numero.',
    'price = int("25")
print("Total: " + str(price * 4))',
    'Read two texts with digits and print their sum.',
    'Basahin ang dalawang tekstong may digit at i-print ang kabuuan ng mga ito.'),
  ('variables', 'hard', 'Swapping and formatting', 'Pagpapalit at pagpo-format',
    'Several names can get their values at once. An f-string puts values into a text.',
    'Maaaring sabay-sabay bigyan ng halaga ang ilang pangalan. Inilalagay ng f-string ang mga '
    'halaga sa loob ng teksto.',
    'a, b = 1, 2
a, b = b, a
print(f"{a=} {b=:.2f}")',
    'Turn 3725 seconds into the text 1:02:05, with divmod() and one f-string.',
    'Gawing tekstong 1:02:05 ang 3725 segundo, gamit ang divmod() at isang f-string.'),

  ('conditions', 'easy', 'If it rains', 'Kung umuulan',
    'What stands indented under if runs only when the condition is true.',
    'Ang nakaurong na code sa ilalim ng if ay tatakbo lamang kapag totoo ang kondisyon.',
    'rain = True
if rain:
    print("Take an umbrella.")',
    'Print "Passed" when score is 75 or more.',
    'I-print ang "Passed" kapag 75 o higit pa ang score.'),
  ('conditions', 'medium', 'One of several', 'Isa sa marami',
    'elif is asked only when everything above was false; else takes the rest.',
    'Tinitingnan lamang ang elif kapag mali ang lahat ng nasa itaas; sa else ang natitira.',
    'if age < 13:
    fare = 0
elif age >= 60:
    fare = 8
else:
    fare = 10',
    'Print A from 90, B from 80, C from 70, and F below.',
    'I-print ang A mula 90, B mula 80, C mula 70, at F kung mas mababa.'),
  ('conditions', 'hard', 'Truth in few words', 'Katotohanan sa kaunting salita',
    'and, or and not combine conditions; empty values count as false. Python stops reading as soon '
    'as the answer is known.',
    'Pinagsasama ng and, or at not ang mga kondisyon; itinuturing na mali ang mga halagang walang '
    'laman. Humihinto ang Python sa pagbasa kapag alam na ang sagot.',
    'def leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)',
    'Write a condition that is true for the days of the weekend, without or.',
    'Sumulat ng kondisyong totoo para sa mga araw ng Sabado at Linggo, nang walang or.'),

  ('loops', 'easy', 'Counting with for', 'Pagbibilang gamit ang for',
    'for does its block once for each value; range(5) gives 0 to 4.',
    'Isinasagawa ng for ang bloke nang isang beses para sa bawat halaga; 0 hanggang 4 ang '
    'ibinibigay '
    'ng range(5).',
    'for number in range(5):
    print(number)',
    'Print the numbers from 1 to 10.',
    'I-print ang mga numero mula 1 hanggang 10.'),
  ('loops', 'medium', 'While something holds', 'Habang totoo pa',
    'while repeats as long as its condition is true. Something in the block must change it.',
    'Umuulit ang while habang totoo ang kondisyon. Dapat may magbago nito sa loob ng bloke.',
    'savings = 100
years = 0
while savings < 200:
    savings *= 1.05
    years += 1',
    'Ask for a number until it is between 1 and 10.',
    'Humingi ng numero hanggang ito ay nasa pagitan ng 1 at 10.'),
  ('loops', 'hard', 'Loops within loops', 'Loop sa loob ng loop',
    'A loop may hold another. break leaves the inner one; else of a loop runs when nothing '
    'broke it.',
    'Maaaring may loop sa loob ng isa pa. Nilalabasan ng break ang panloob; tumatakbo ang else ng '
    'loop kapag walang break na nangyari.',
    'for n in range(2, 30):
    for d in range(2, n):
        if n % d == 0:
            break
    else:
        print(n)',
    'Print a multiplication table of 9 by 9 with aligned columns.',
    'I-print ang talaan ng pagpaparami na 9 sa 9 na may nakahanay na mga hanay.'),

  ('functions', 'easy', 'Your first function', 'Ang iyong unang function',
    'def gives a block a name. It runs when it is called.',
    'Binibigyan ng def ng pangalan ang isang bloke. Tumatakbo ito kapag tinawag.',
    'def greet():
    print("Kumusta!")

greet()',
    'Write a function that prints your name three times.',
    'Sumulat ng function na nagpi-print ng pangalan mo nang tatlong beses.'),
  ('functions', 'medium', 'In and out', 'Papasok at palabas',
    'Parameters bring values in, return gives one back. A parameter may have a default.',
    'Nagpapasok ng halaga ang mga parameter, at ibinabalik ng return ang resulta. Maaaring may '
    'default ang parameter.',
    'def area(width, height=1):
    return width * height',
    'Write a function that returns the larger of two numbers.',
    'Sumulat ng function na nagbabalik ng mas malaki sa dalawang numero.'),
  ('functions', 'hard', 'Functions that call themselves', 'Mga function na tumatawag sa sarili',
    'A recursive function solves a smaller case of the same problem, until one is small enough.',
    'Nilulutas ng recursive na function ang mas maliit na kaso ng parehong problema, hanggang sa '
    'sapat na ang liit.',
    'def hanoi(n, source, target, spare):
    if n == 0:
        return 0
    return hanoi(n - 1, source, spare, target) + 1 + hanoi(n - 1, spare, target, source)',
    'Write a function that tells whether a text reads the same backwards, by recursion.',
    'Sumulat ng recursive na function na nagsasabi kung pareho ang basa ng teksto pabalik.'),

  ('collections', 'easy', 'A list of things', 'Listahan ng mga bagay',
    'A list keeps values in order. The first one has the index 0.',
    'Pinananatili ng listahan ang pagkakasunod-sunod ng mga halaga. 0 ang index ng una.',
    'fruits = ["mangga", "saging"]
fruits.append("pinya")
print(fruits[0])',
    'Make a list of three friends and print the last.',
    'Gumawa ng listahan ng tatlong kaibigan at i-print ang huli.'),
  ('collections', 'medium', 'Looking up by name', 'Paghahanap ayon sa pangalan',
    'A dictionary finds a value by its key. get() has an answer where there is none.',
    'Hinahanap ng diksiyonaryo ang halaga ayon sa susi nito. May sagot ang get() kahit wala '
    'ang susi.',
    'prices = {"bigas": 52, "asin": 20}
print(prices.get("suka", 0))',
    'Count how often each letter comes in a word.',
    'Bilangin kung ilang beses lumabas ang bawat titik sa isang salita.'),
  ('collections', 'hard', 'Comprehensions', 'Mga comprehension',
    'A comprehension makes a collection of another one: what, for which, and if.',
    'Gumagawa ang comprehension ng koleksiyon mula sa iba: ano, para saan, at kung kailan.',
    'squares = {n: n * n for n in range(10) if n % 2}',
    'Group a list of words by their length, in one dictionary, and sort each group.',
    'Pangkatin ang mga salita ayon sa haba, sa isang diksiyonaryo, at ayusin ang bawat pangkat.')
), javascript(level, difficulty, title, title_fil, body, body_fil, code, task, task_fil) as (values
  ('values', 'easy', 'Let and const', 'Let at const',
    'const names a value that stays, let one that changes.',
    'Pinapangalanan ng const ang halagang hindi nagbabago, at ng let ang nagbabago.',
    'const city = "Cebu";
let visits = 1;
visits = visits + 1;',
    'Keep your year of birth in a const and print your age this year.',
    'Ilagay sa const ang taon ng iyong kapanganakan at i-print ang edad mo ngayong taon.'),
  ('values', 'medium', 'Texts with holes', 'Mga tekstong may puwang',
    'Between backticks, ${…} puts a value into the text. Number() makes a number of a text.',
    'Sa pagitan ng mga backtick, inilalagay ng ${…} ang halaga sa teksto. Ginagawang numero ng '
    'Number() ang teksto.',
    'const price = Number("25");
console.log(`Total: ${price * 4} pesos`);',
    'Print a receipt line with a name, an amount and a price with two decimals.',
    'I-print ang isang linya ng resibo na may pangalan, dami at presyong may dalawang decimal.'),
  ('values', 'hard', 'Equal and not quite', 'Pareho at hindi gaano',
    '== converts before it compares, === does not. null is nothing on purpose, undefined '
    'nothing yet.',
    'Nagko-convert muna ang == bago maghambing; hindi ang ===. Sadyang wala ang null, wala '
    'pa naman '
    'ang undefined.',
    'console.log(0 == "", 0 === "", null ?? "none", NaN === NaN);',
    'Say for ten pairs of values, before you run them, whether == and === hold.',
    'Sabihin para sa sampung pares ng halaga, bago patakbuhin, kung totoo ang == at ===.'),

  ('decisions', 'easy', 'If and else', 'If at else',
    'The block after if runs when the condition is true, the one after else when it is not.',
    'Tumatakbo ang bloke ng if kapag totoo ang kondisyon, at ang sa else kapag hindi.',
    'if (score >= 75) {
  console.log("Passed");
} else {
  console.log("Try again");
}',
    'Print whether a number is even or odd.',
    'I-print kung even o odd ang isang numero.'),
  ('decisions', 'medium', 'Short forms', 'Maiikling anyo',
    'c ? a : b is an if with a value; ?? and || give a default.',
    'Ang c ? a : b ay if na may halaga; nagbibigay ng default ang ?? at ||.',
    'const fare = age >= 60 ? 8 : 10;
const name = input ?? "guest";',
    'Say when 0 || 5 and 0 ?? 5 differ, and why.',
    'Sabihin kung kailan magkaiba ang 0 || 5 at 0 ?? 5, at kung bakit.'),
  ('decisions', 'hard', 'Tables instead of branches', 'Talaan sa halip na mga sangay',
    'Where each case gives a value, an object or a Map says it with less than a long switch.',
    'Kung may halaga ang bawat kaso, mas maikli itong nasasabi ng object o Map kaysa '
    'mahabang switch.',
    'const price = { small: 80, medium: 95, large: 110 };
console.log(price[size] ?? "unknown size");',
    'Turn a switch with seven cases into a Map, and refuse what is not in it.',
    'Gawing Map ang isang switch na may pitong kaso, at tanggihan ang wala rito.'),

  ('loops', 'easy', 'For each value', 'Para sa bawat halaga',
    'for … of does its block once for each value of a list.',
    'Isinasagawa ng for … of ang bloke nang isang beses para sa bawat halaga ng listahan.',
    'for (const fruit of ["mangga", "saging"]) {
  console.log(fruit);
}',
    'Print every name of a list in capital letters.',
    'I-print sa malalaking titik ang bawat pangalan sa listahan.'),
  ('loops', 'medium', 'Counting and stopping', 'Pagbibilang at paghinto',
    'for has a start, a condition and a step. break ends it early, continue skips one.',
    'May simula, kondisyon at hakbang ang for. Maaga itong tinatapos ng break, at nilalaktawan ng '
    'continue ang isa.',
    'for (let i = 1; i <= 10; i++) {
  if (i % 3 === 0) continue;
  console.log(i);
}',
    'Find the first number above 1000 that 17 divides.',
    'Hanapin ang unang numerong higit sa 1000 na nahahati ng 17.'),
  ('loops', 'hard', 'Your own iterator', 'Sarili mong iterator',
    'A generator function yields values one by one, as many as are asked for.',
    'Isa-isang nagbibigay ng halaga ang generator function, ayon sa kung ilan ang hinihingi.',
    'function* fibonacci() {
  let [a, b] = [0, 1];
  for (;;) {
    yield a;
    [a, b] = [b, a + b];
  }
}',
    'Write take(n, values), which yields the first n values of anything iterable.',
    'Isulat ang take(n, values), na nagbibigay ng unang n halaga ng kahit anong iterable.'),

  ('functions', 'easy', 'Calling functions', 'Pagtawag ng mga function',
    'A function takes values and returns one.',
    'Tumatanggap ng mga halaga ang function at nagbabalik ng isa.',
    'function double(number) {
  return number * 2;
}
console.log(double(21));',
    'Write a function that greets somebody by name.',
    'Sumulat ng function na bumabati sa isang tao ayon sa pangalan.'),
  ('functions', 'medium', 'Arrows that travel', 'Mga arrow na naipapasa',
    'An arrow function is a value. map, filter and reduce take one and apply it to a list.',
    'Isang halaga ang arrow function. Tinatanggap ito ng map, filter at reduce at inilalapat sa '
    'listahan.',
    'const total = prices.filter((p) => p > 50).reduce((sum, p) => sum + p, 0);',
    'Make a list of the lengths of all words that begin with a capital letter.',
    'Gumawa ng listahan ng haba ng lahat ng salitang nagsisimula sa malaking titik.'),
  ('functions', 'hard', 'What a function remembers', 'Ang natatandaan ng function',
    'A function keeps the variables around it: that is a closure.',
    'Tinatandaan ng function ang mga variable sa paligid nito: iyon ang closure.',
    'const counter = () => {
  let count = 0;
  return () => ++count;
};',
    'Write once(f), which calls f the first time and returns the same answer ever after.',
    'Isulat ang once(f), na tumatawag sa f sa unang beses at iyon na ang sagot mula noon.'),

  ('objects', 'easy', 'Things with properties', 'Mga bagay na may katangian',
    'An object keeps values by name.',
    'Pinananatili ng object ang mga halaga ayon sa pangalan.',
    'const dish = { name: "adobo", servings: 4 };
console.log(dish.name);',
    'Describe your favourite dish as an object with three properties.',
    'Ilarawan ang paborito mong ulam bilang object na may tatlong katangian.'),
  ('objects', 'medium', 'Taking apart', 'Pagkakalas-kalas',
    'Destructuring takes values out by name or place, ... takes the rest.',
    'Kinukuha ng destructuring ang mga halaga ayon sa pangalan o puwesto, at ng ... ang natitira.',
    'const { name, ...rest } = dish;
const [first, ...others] = names;',
    'Write a function that copies an object without its property password.',
    'Sumulat ng function na kumokopya ng object nang wala ang katangiang password.'),
  ('objects', 'hard', 'Classes', 'Mga class',
    'A class makes objects alike. Private fields begin with #.',
    'Gumagawa ang class ng magkakatulad na object. Nagsisimula sa # ang mga pribadong field.',
    'class Account {
  #balance = 0;
  deposit(amount) {
    if (amount <= 0) throw new RangeError("amount");
    this.#balance += amount;
  }
  get balance() {
    return this.#balance;
  }
}',
    'Add withdraw(), which never lets the balance fall below zero.',
    'Idagdag ang withdraw(), na hindi hahayaang bumaba sa sero ang balanse.')
), lessons as (
  select 'python-from-zero' as course, p.* from python p
  union all
  select 'javascript-from-zero', j.* from javascript j
)
select learn_internal.merge_rows('learn.lessons', '{slug}', jsonb_agg(jsonb_build_object(
    'slug', format('%s-%s-%s', c.slug, l.level, l.difficulty),
    'course_id', c.id, 'course_level_id', v.id, 'difficulty', l.difficulty,
    'sequence_number', (v.position - 1) * 3 + t.number,
    'title', l.title, 'lesson_type', 'code', 'xp_reward', t.xp_reward,
    'time_limit_seconds', t.time_limit_seconds, 'time_limit_is_hard', true, 'estimated_minutes', t.estimated_minutes,
    'translations', jsonb_build_object('fil', jsonb_build_object('title', l.title_fil)),
    'content', jsonb_build_object('blocks', jsonb_build_array(
      jsonb_build_object(
        'type', 'text', 'text', jsonb_build_object('en', l.body, 'fil', l.body_fil)),
      jsonb_build_object('type', 'code', 'language', c.language, 'code', l.code),
      jsonb_build_object(
        'type', 'task', 'text', jsonb_build_object('en', l.task, 'fil', l.task_fil)))))
  order by c.position, v.position, t.number)) as lessons
from lessons l
join tiers t on t.difficulty = l.difficulty
join learn.courses c on c.slug = l.course
join learn.course_levels v on v.course_id = c.id and v.slug = l.level;
