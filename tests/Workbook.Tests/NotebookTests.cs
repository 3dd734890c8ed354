using Workbook.Notebooks;

namespace Workbook.Tests;

public sealed class NotebookTests
{
    // As Python's nbformat 5 writes it.
    const string Written = """
        {
         "cells": [
          {
           "cell_type": "markdown",
           "id": "a1",
           "metadata": {},
           "source": [
            "# Größe 😀 \u001b\n",
            "text \"quoted\" \\ tab\t"
           ]
          },
          {
           "cell_type": "code",
           "execution_count": 1,
           "id": "b2",
           "metadata": {
            "custom": {
             "deep": [
              1,
              2.50,
              null,
              true,
              {}
             ]
            },
            "tags": [
             "parameters"
            ]
           },
           "outputs": [
            {
             "data": {
              "application/json": {
               "Z": 1,
               "a": []
              },
              "text/plain": [
               "one\n",
               "two"
              ]
             },
             "execution_count": 1,
             "metadata": {},
             "output_type": "execute_result"
            },
            {
             "name": "stdout",
             "output_type": "stream",
             "text": [
              "line\n"
             ]
            }
           ],
           "source": []
          }
         ],
         "metadata": {
          "kernelspec": {
           "display_name": ".NET (C#)",
           "language": "C#",
           "name": ".net-csharp"
          },
          "unknown": 1e-05
         },
         "nbformat": 4,
         "nbformat_minor": 5
        }

        """;

    [Fact]
    public void WhatNbformatWroteIsWrittenAgainByteForByte() => Assert.Equal(Written, Notebook.Parse(Written).ToJson());


    [Fact]
    public void TextIsStoredAsLines()
    {
        var notebook = Notebook.Create();
        notebook.Add("code", "a\nb\n\n");
        Assert.Contains("\"source\": [\n    \"a\\n\",\n    \"b\\n\",\n    \"\\n\"\n   ]", notebook.ToJson());
        Assert.Equal("a\nb\n\n", Notebook.Parse(notebook.ToJson()).Cells[0].Source);
    }

    [Fact]
    public void SourceAsOneTextIsRead()
    {
        var notebook = Notebook.Parse("""{"cells":[{"cell_type":"code","metadata":{},"source":"a\nb","outputs":[],"execution_count":null}],"metadata":{},"nbformat":4,"nbformat_minor":4}""");
        Assert.Equal("a\nb", notebook.Cells[0].Source);
        Assert.Null(notebook.Add("code", "x").Id); // ids come with 4.5
        Assert.Contains("\"a\\n\",", notebook.ToJson());
    }

    [Fact]
    public void IdsAreDifferent()
    {
        var notebook = Notebook.Create();
        Assert.Equal(3, new[] { notebook.Add("code", "1"), notebook.Add("code", "2"), notebook.Add("markdown", "3") }.Select(cell => cell.Id).Distinct().Count());
    }

    [Theory]
    [InlineData("[]", "not an object")]
    [InlineData("{", "is not a notebook")]
    [InlineData("""{"cells":[],"nbformat":3}""", "nbformat is 3")]
    [InlineData("""{"nbformat":4}""", "cells")]
    [InlineData("""{"cells":[1],"nbformat":4}""", "cell 1")]
    [InlineData("""{"cells":[]}""", "nbformat")]
    public void AFileThatIsNoNotebookIsNamed(string text, string message)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, text);
            var error = Assert.Throws<InvalidDataException>(() => Notebook.Load(path));
            Assert.Contains(path, error.Message);
            Assert.Contains(message, error.Message);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
