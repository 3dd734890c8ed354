// What a notebook's kernel gives its cells: display, HTML and .Display(). Text goes to the console; what has a picture is written into
// the folder "out" beside this file.
static class Notebook
{
    static int shown;

    public static Shown display(object value, params string[] mimeTypes)
    {
        Console.WriteLine(Text(value));
        if (Rendered(value, "image/svg+xml") is { } picture)
        {
            var file = System.IO.Path.Combine("out", $"{Name}-{++shown}.svg");
            System.IO.Directory.CreateDirectory("out");
            System.IO.File.WriteAllText(file, picture);
            Console.WriteLine($"[{file}]");
        }
        return new();
    }

    public static Shown Display<T>(this T value, params string[] mimeTypes) => display(value, mimeTypes);

    public static string HTML(string content) => content;

    static string Text(object value) => Rendered(value, "text/plain") ?? value switch
    {
        null => "null",
        string text => text,
        IEnumerable items => string.Join(Environment.NewLine, items.Cast<object>()),
        _ => value.ToString(),
    };

    // Types say by convention how they look: an attribute that names a source of formatters, one a mime type.
    static string Rendered(object value, string mimeType)
    {
        var attribute = value?.GetType().GetCustomAttributes(inherit: true).FirstOrDefault(a => a.GetType().Name == "TypeFormatterSourceAttribute");
        if (attribute?.GetType().GetProperty("FormatterSourceType")?.GetValue(attribute) is not Type type) return null;
        var formatters = (IEnumerable)type.GetMethod("CreateTypeFormatters").Invoke(Activator.CreateInstance(type), null);
        foreach (object formatter in formatters)
        {
            if ((string)formatter.GetType().GetProperty("MimeType").GetValue(formatter) != mimeType) continue;
            var writer = new System.IO.StringWriter();
            if ((bool)formatter.GetType().GetMethod("Format").Invoke(formatter, [value, writer])) return writer.ToString();
        }
        return null;
    }

    static string Name => System.IO.Path.GetFileNameWithoutExtension((string)AppContext.GetData("EntryPointFilePath"));

    // A program can't change what it has written: the new value comes below.
    public class Shown
    {
        public string DisplayId => "";
        public void Update(object value) => display(value);
    }
}
