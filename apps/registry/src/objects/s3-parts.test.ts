import { expect, test } from "bun:test";
import { sizeOfPart, maxPartNumber, PartBuffers, partBytes } from "./part-buffers.ts";
import { bucketUrl } from "./s3-settings.ts";
import { xmlElements, xmlEscape, xmlText } from "./s3-xml.ts";

test("the texts of an answer are read, with their entities", () => {
  const xml = "<?xml?><R><Key>a&amp;b</Key><ETag>&quot;1&#34;</ETag><C><Key>c</Key></C></R>";
  expect([xmlText(xml, "Key"), xmlText(xml, "ETag"), xmlText(xml, "None")]).toEqual(["a&b", '"1"', undefined]);
  expect(xmlElements(xml, "Key")).toEqual(["a&amp;b", "c"]);
  const odd = "<&\"'>";
  expect(xmlText(`<T>${xmlEscape(odd)}</T>`, "T")).toBe(odd);
});

test("the parts that S3 takes hold more than the largest blob, and none is too small or too large", () => {
  let total = 0;
  for (let number = 1; number <= maxPartNumber; number++) {
    expect(sizeOfPart(number)).toBeGreaterThanOrEqual(5 * 1024 ** 2);
    total += sizeOfPart(number);
  }
  expect(total).toBeGreaterThan(150 * 1024 ** 3);
});

test("buffers are few, and are given in turn", async () => {
  const buffers = new PartBuffers(4);
  const taken = await Promise.all(Array.from({ length: 4 }, () => buffers.take(partBytes)));
  const order: string[] = [];
  const large = buffers.take(2 * partBytes).then((buffer) => (order.push("large"), buffer));
  const small = buffers.take(partBytes).then((buffer) => (order.push("small"), buffer));
  for (const buffer of taken.slice(0, 3)) buffers.give(buffer);
  await Promise.all([large, small]);
  expect(order).toEqual(["large", "small"]);
});

test("a bucket is in the path or in the host's name", () => {
  const settings = {
    endpoint: "https://s3.test:9/x",
    bucket: "b",
    region: "r",
    accessKeyId: "i",
    secretAccessKey: "s",
  };
  expect(bucketUrl({ ...settings, prefix: "", pathStyle: true }).href).toBe("https://s3.test:9/x/b/");
  const host = bucketUrl({ ...settings, endpoint: "https://s3.test", prefix: "", pathStyle: false });
  expect(host.href).toBe("https://b.s3.test/");
});
