namespace LowRank.Tests.Data;

public sealed class UnicodeFormTests
{
    private static string Of(UnicodeForm form, string text) => string.Concat(form.Of(text).Select(item => item.Rune.ToString()));

    [Theory] // UAX #15's own examples, and two of characters that came later
    [InlineData("\u212b", "\u00c5", "A\u030a", "\u00c5", "A\u030a")]                       // ångström sign: never joined again to itself
    [InlineData("\u1e9b\u0323", "\u1e9b\u0323", "\u017f\u0323\u0307", "\u1e69", "s\u0323\u0307")]
    [InlineData("\ufb01", "\ufb01", "\ufb01", "fi", "fi")]
    [InlineData("d\u0307\u0323", "\u1e0d\u0307", "d\u0323\u0307", "\u1e0d\u0307", "d\u0323\u0307")] // marks in their order
    [InlineData("\uac01", "\uac01", "\u1100\u1161\u11a8", "\uac01", "\u1100\u1161\u11a8")]
    [InlineData("\u1100\u1161\u11a8", "\uac01", "\u1100\u1161\u11a8", "\uac01", "\u1100\u1161\u11a8")]
    [InlineData("\u0915\u093c", "\u0915\u093c", "\u0915\u093c", "\u0915\u093c", "\u0915\u093c")] // excluded from composition
    [InlineData("\u0344", "\u0308\u0301", "\u0308\u0301", "\u0308\u0301", "\u0308\u0301")]
    [InlineData("\u0827\u07fd", "\u0827\u07fd", "\u0827\u07fd", "\u0827\u07fd", "\u0827\u07fd")] // of Unicode 11.0, which the reference does not know: not put in order
    [InlineData("\u32ff", "\u32ff", "\u32ff", "\u32ff", "\u32ff")]                     // nor this of 12.1 taken apart
    public void Examples(string text, string nfc, string nfd, string nfkc, string nfkd)
    {
        Assert.Equal(nfc, Of(UnicodeForm.Nfc, text));
        Assert.Equal(nfd, Of(UnicodeForm.Nfd, text));
        Assert.Equal(nfkc, Of(UnicodeForm.Nfkc, text));
        Assert.Equal(nfkd, Of(UnicodeForm.Nfkd, text));
    }

    [Fact]
    public void A_form_of_a_form_is_itself_and_what_holds_stays_the_same()
    {
        var random = new Random(9);
        foreach (var form in new[] { UnicodeForm.Nfc, UnicodeForm.Nfd, UnicodeForm.Nfkc, UnicodeForm.Nfkd })
            for (var trial = 0; trial < 2000; trial++)
            {
                var text = string.Concat(Enumerable.Range(0, 8).Select(_ => char.ConvertFromUtf32(random.Next(6) switch
                {
                    0 => random.Next(0x300, 0x345), 1 => random.Next(0x41, 0x5b), 2 => random.Next(0xc0, 0x250), 3 => random.Next(0x1100, 0x1200), 4 => random.Next(0xac00, 0xd7a4), _ => random.Next(0x900, 0x1100),
                })));
                var once = Of(form, text);
                Assert.Equal(once, Of(form, once));
                if (form.Holds(text)) Assert.Equal(text, once);
                Assert.Equal(Of(form == UnicodeForm.Nfc || form == UnicodeForm.Nfd ? UnicodeForm.Nfd : UnicodeForm.Nfkd, text), Of(form == UnicodeForm.Nfc || form == UnicodeForm.Nfd ? UnicodeForm.Nfd : UnicodeForm.Nfkd, once));
            }
    }
}
